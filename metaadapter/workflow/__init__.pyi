from .estimator import MetaAdapterClassifier as MetaAdapterClassifier
from .fine_tuning import fine_tune as fine_tune
from .gradient_steps import FineTune as FineTune
