"""`SeveralLabelsClassifier`: `MetaAdapterClassifier` for pictures that show several classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Bool, Float
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.utils.validation import check_array

from metaadapter.data.class_names import require_own_spelling
from metaadapter.errors import UsageError
from metaadapter.workflow.classifier_base import checked
from metaadapter.workflow.estimator import MetaAdapterClassifier


class SeveralLabelsClassifier(MetaAdapterClassifier):
    """A few-shot classifier of pictures that show several classes each, or none.

    Rows of X are features from one encoder, of any width; they are scaled to length 1. y is an
    indicator matrix (n, C) of 0 and 1, or a list with the labels of each picture. `classes_` are
    the labels in the order of the columns: 0 to C − 1 for an indicator matrix without texts. What
    needs one label, such as `predict_known`, is refused.

    Args:
        class_texts: label → a vector from the encoder's text tower, or a name if `encoder` is
            given; `None` uses only pictures.
        generator: The generator whose closed form is used, by name or folder.
        encoder: The encoder that reads names.
        blocks: The widths of the blocks of the features; by default those of the encoder.
    """

    _gives_several: ClassVar[bool] = True

    def __init__(
        self,
        class_texts: Mapping[Any, Any] | None = None,
        *,
        generator: str = "default",
        encoder: Any = None,
        blocks: Sequence[int] = (),
    ) -> None:
        super().__init__(class_texts, generator=generator, encoder=encoder, blocks=blocks)

    def fit(self, X: Any, y: Any) -> Self:  # type: ignore[override]  # takes no pool
        """Predict the adapter; the columns of an indicator are the labels of `class_texts`.

        Raises:
            UsageError: y is of another form, or a class is in no row.
        """
        return super().fit(X, y)

    def _labelled(
        self, X: Any, y: Any
    ) -> tuple[Float[np.ndarray, "n D"], Bool[np.ndarray, "n C"], np.ndarray]:
        X = checked(self, X)
        classes, shows_NC = _labels(y, [*(self.class_texts or {})])
        if len(shows_NC) != len(X):
            raise UsageError(
                f"X has {len(X)} rows and y {len(shows_NC)}; give the labels of each row"
            )
        if len(empty := np.flatnonzero(~shows_NC.any(0))):
            raise UsageError(
                f"expected a picture of each class, but none shows {classes[empty[0]]!r}; leave "
                "its column out, or add a picture"
            )
        return X, shows_NC, np.asarray(classes)

    def predict(self, X: Any) -> np.ndarray:
        """Return an indicator matrix: 1 where a probability is at least the class's threshold."""
        p_NC = self.predict_proba(X)
        return (p_NC >= self.thresholds_).astype(np.int64)

    def predict_labels(self, X: Any) -> list[tuple[Any, ...]]:
        """Return the labels of each row, the most probable first."""
        p_NC = self.predict_proba(X)
        return [
            tuple(self.classes_[c] for c in np.argsort(-p, kind="stable") if shown[c])
            for p, shown in zip(p_NC, p_NC >= self.thresholds_, strict=True)
        ]

    @property
    def thresholds_(self) -> Float[np.ndarray, " C"]:
        """The probability from which each class is in the answer."""
        thresholds = self.stored_.weights.label_thresholds
        assert thresholds is not None
        return np.asarray(thresholds)

    def __sklearn_tags__(self) -> Any:
        """Return scikit-learn's tags of a classifier of several labels."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.classifier_tags.multi_class = False
        return tags


def _labels(y: Any, named: list[Any]) -> tuple[list[Any], Bool[np.ndarray, "n C"]]:
    """Return the classes, and whether each row shows them."""
    if isinstance(y, list | tuple) and any(_is_label_list(labels) for labels in y):
        binarizer = MultiLabelBinarizer()
        shows_NC = binarizer.fit_transform(y)
        classes = binarizer.classes_.tolist()
        if not classes:
            raise UsageError("y has no label at all; give the labels of some rows")
        require_own_spelling(map(str, classes), "the labels in y")
        return classes, shows_NC.astype(bool)
    y = _indicator(y)
    if named and len(named) != y.shape[1]:
        raise UsageError(
            f"y has {y.shape[1]} columns and class_texts {len(named)} labels; give a text for each "
            "column, in their order, or y as a list of lists of labels"
        )
    return named or [*range(y.shape[1])], y.astype(bool)


def _indicator(y: Any) -> Float[np.ndarray, "n C"]:
    wanted = (
        "expected y as an indicator matrix of 0 and 1, or as a list of lists of labels that are "
        "strings"
    )
    try:
        matrix: np.ndarray = check_array(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{wanted}, but y is of another form: {error}") from error
    if not np.isin(matrix, (0, 1)).all():
        raise UsageError(f"{wanted}, but y has other numbers")
    return matrix


def _is_label_list(labels: Any) -> bool:
    """Whether y has a list of labels for a row, and not a row of an indicator matrix."""
    if isinstance(labels, str) or not isinstance(labels, Iterable):
        return False
    listed = [*labels]
    return isinstance(labels, set | frozenset) or any(isinstance(label, str) for label in listed)
