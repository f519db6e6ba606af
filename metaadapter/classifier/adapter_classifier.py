"""What every classifier over an adapter shares: labelled rows in, probabilities out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from jaxtyping import Float, Float32, Shaped
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from metaadapter.adapter import AdapterWeights, Support, probabilities
from metaadapter.classifier.class_texts import require_shared_labels, text_features

if TYPE_CHECKING:
    from metaadapter.features import ImageEncoder

__all__ = ["AdapterClassifier", "unit_rows"]


class AdapterClassifier(ClassifierMixin, BaseEstimator):
    """A scikit-learn classifier whose `fit` ends in an adapter, however it comes to it."""

    class_texts: Mapping[Any, Any] | None
    classes_: np.ndarray
    """Sorted labels; column order of `predict_proba`."""
    adapter_: AdapterWeights
    """The weights, float64."""
    n_features_in_: int
    """Width of the features."""
    n_shots_: np.ndarray
    """Pictures of each class."""

    def predict_proba(self, X: Any) -> Float[np.ndarray, "n N"]:
        """Probability of each class, columns in the order of `classes_`; X is (n, D)."""
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        return probabilities(torch.from_numpy(np.array(rows)), self.adapter_).numpy()

    def predict(self, X: Any) -> Shaped[np.ndarray, " n"]:
        """The most probable label of each row of X (n, D)."""
        best = self.predict_proba(X).argmax(-1)  # before classes_: an unfitted one must say so
        labels: np.ndarray = self.classes_[best]
        return labels

    def _labelled(self, X: Any, y: Any) -> tuple[Float[np.ndarray, "n D"], list[Any]]:
        """Rows and labels, once they are known to be usable."""
        X, y = validate_data(
            self,
            X,
            y,
            dtype=(np.float64, np.float32),
            ensure_min_samples=0 if self.class_texts else 1,
        )
        check_classification_targets(y)
        return X, cast("list[Any]", y.tolist())

    def _take_classes(self, labels: list[Any]) -> None:
        """Set `classes_`: all labels, and those of `class_texts`.

        Raises:
            ValueError: Labels are of different kinds, or of one class only.
        """
        named = require_shared_labels(self.class_texts, labels)
        self.classes_ = np.unique([*labels, *named])
        if len(self.classes_) < 2:
            raise ValueError(
                f"one class only, {self.classes_.tolist()[0]!r}: a classifier needs at least two; "
                "add pictures of another class, or its name to class_texts"
            )

    def _support(
        self,
        X: Float[np.ndarray, "n D"],
        labels: list[Any],
        encoder: ImageEncoder | None,
        logit_scale: float | None,
        views: Float32[torch.Tensor, "n V D"] | None = None,
    ) -> Support:
        """The support by `classes_`, float32; sets `n_shots_`."""
        classes = self.classes_.tolist()
        place = {label: row for row, label in enumerate(classes)}
        numbers = torch.tensor([place[label] for label in labels], dtype=torch.long)
        self.n_shots_ = np.bincount(numbers, minlength=len(classes))
        return Support.of_rows(
            unit_rows(X),
            numbers,
            torch.from_numpy(text_features(self.class_texts, classes, X.shape[1], encoder)),
            logit_scale=logit_scale,
            views=views,
        )


def unit_rows(X: Float[np.ndarray, "n *V D"]) -> Float32[torch.Tensor, "n *V D"]:
    """Rows of length 1; a row of zeros stays."""
    rows = torch.from_numpy(np.array(X, dtype=np.float64))
    return torch.nn.functional.normalize(rows, dim=-1).float()
