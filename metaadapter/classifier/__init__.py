"""The predicted adapter behind scikit-learn's face, which is loaded when it is first used."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metaadapter.classifier.estimator import MetaAdapterClassifier

__all__ = ["MetaAdapterClassifier"]


def __getattr__(name: str) -> Any:
    if name != "MetaAdapterClassifier":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from metaadapter.classifier.estimator import MetaAdapterClassifier

    return MetaAdapterClassifier
