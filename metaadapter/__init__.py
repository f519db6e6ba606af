"""Predicts CLIP-Adapter weights from a handful of labelled pictures in one forward pass.

The names below load when they are first used, so `import metaadapter` stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from metaadapter.errors import (
    DataError,
    IncompatibleArtifact,
    MetaAdapterError,
    MissingPackage,
    UsageError,
)

if TYPE_CHECKING:
    from metaadapter.adapter import AdapterWeights, Support
    from metaadapter.classifier import MetaAdapterClassifier
    from metaadapter.features import FeatureStore, FrozenEncoder, ImageEncoder
    from metaadapter.generator import AdapterGenerator, Generator

__all__ = [
    "AdapterGenerator",
    "AdapterWeights",
    "DataError",
    "FeatureStore",
    "FrozenEncoder",
    "Generator",
    "ImageEncoder",
    "IncompatibleArtifact",
    "MetaAdapterClassifier",
    "MetaAdapterError",
    "MissingPackage",
    "Support",
    "UsageError",
    "__version__",
]

__version__ = version("metaadapter")

_HOMES = {
    "AdapterGenerator": "metaadapter.generator",
    "AdapterWeights": "metaadapter.adapter",
    "FeatureStore": "metaadapter.features",
    "FrozenEncoder": "metaadapter.features",
    "Generator": "metaadapter.generator",
    "ImageEncoder": "metaadapter.features",
    "MetaAdapterClassifier": "metaadapter.classifier",
    "Support": "metaadapter.adapter",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
