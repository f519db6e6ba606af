"""The predicted adapter behind scikit-learn's face."""

from metaadapter.classifier.estimator import MetaAdapterClassifier

__all__ = ["MetaAdapterClassifier"]
