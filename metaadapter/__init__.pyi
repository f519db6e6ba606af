from .adapter.support import Support as Support
from .adapter.weights import AdapterWeights as AdapterWeights
from .apps.library.library import AdapterLibrary as AdapterLibrary
from .errors import DataError as DataError
from .errors import IncompatibleArtifact as IncompatibleArtifact
from .errors import MetaAdapterError as MetaAdapterError
from .errors import MissingPackage as MissingPackage
from .errors import UsageError as UsageError
from .features.encoders.frozen_encoder import FrozenEncoder as FrozenEncoder
from .features.image_encoder import ImageEncoder as ImageEncoder
from .features.store.feature_store import FeatureStore as FeatureStore
from .generator.adapter_generator import AdapterGenerator as AdapterGenerator
from .generator.generator import Generator as Generator
from .workflow.estimator import MetaAdapterClassifier as MetaAdapterClassifier
from .workflow.prediction.run_predict import predict as predict
from .workflow.run_adapt import adapt as adapt
from .workflow.run_add import add as add

__version__: str
