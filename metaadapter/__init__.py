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
    from metaadapter.library import AdapterLibrary

__all__ = [
    "AdapterGenerator",
    "AdapterLibrary",
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
    "adapter": ("AdapterWeights", "Support"),
    "classifier": ("MetaAdapterClassifier",),
    "features": ("FeatureStore", "FrozenEncoder", "ImageEncoder"),
    "generator": ("AdapterGenerator", "Generator"),
    "library": ("AdapterLibrary",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"metaadapter.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
