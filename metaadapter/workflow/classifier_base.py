"""The base class of the scikit-learn classifiers, which predict with an adapter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from metaadapter.adapter.known import known_of_classes, prediction_sets
from metaadapter.adapter.support import Support
from metaadapter.adapter.unit_rows import as_array
from metaadapter.adapter.weights import AdapterWeights, probabilities
from metaadapter.errors import UsageError
from metaadapter.features.logit_scale import read_logit_scale
from metaadapter.workflow.estimator_inputs import label_array, require_finite, require_shared_labels
from metaadapter.workflow.labelled_support import labelled_support

if TYPE_CHECKING:
    from metaadapter.features.image_encoder import ImageEncoder

# Their features in float64 take 98 MB if a feature is 3008 wide.
ROWS_AT_ONCE = 4096


class AdapterClassifier(ClassifierMixin, BaseEstimator):
    """A scikit-learn classifier that predicts with the adapter that a subclass's `fit` makes.

    The methods that predict take `X` as n rows (n, D), which may be a memory map. They read
    `ROWS_AT_ONCE` rows at a time, so an array is never copied whole.
    """

    class_texts: Mapping[Any, Any] | None
    encoder: ImageEncoder | str | None
    logit_scale: float | np.ndarray | torch.Tensor | None
    classes_: np.ndarray
    """The sorted labels; the columns of `predict_proba` have this order."""
    adapter_: AdapterWeights
    """The adapter's weights, float64."""
    n_features_in_: int
    """The width of the features."""
    n_shots_: np.ndarray
    """The number of pictures of each class."""
    logit_scale_: float | None
    """The encoder's inverse temperature; `None` where it is not known."""

    def predict_proba(self, X: Any) -> Float[np.ndarray, "n N"]:
        """Return (n, N) probabilities for rows of X (n, D); columns are in `classes_` order."""
        return np.concatenate([*self._probabilities(X)])

    def predict(self, X: Any) -> Shaped[np.ndarray, " n"]:
        """Return the most probable label for each row of X (n, D)."""
        best = np.concatenate([*map(_best, self._probabilities(X))])  # first: it needs a `fit`
        labels: np.ndarray = self.classes_[best]
        return labels

    def predict_known_proba(self, X: Any) -> Float[np.ndarray, " n"]:
        """Return the probability that each row of X (n, D) is known (shows one of the classes).

        This method assumes that half of all pictures are unknown; `predict_proba`, that none are.

        Raises:
            UsageError: The adapter cannot predict this, because no generator made the adapter.
        """
        return self._known(X)[0]

    def predict_known(self, X: Any, keep: float | None = None) -> Bool[np.ndarray, " n"]:
        """Return whether each row of X (n, D) shows one of the classes.

        Args:
            X: Features of pictures.
            keep: The fraction of known pictures that are predicted to be known, 0.5 … 0.99; 0.95 by
                default. A lower fraction lets fewer unknown pictures pass as known.

        Raises:
            UsageError: As for `predict_known_proba`, or `keep` is out of range.
        """
        return ~self._known(X, keep)[1]

    def _known(
        self, X: Any, keep: float | None = None
    ) -> tuple[Float[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
        parts = [
            known_of_classes(rows, self.adapter_, self.classes_, keep) for rows in self._rows(X)
        ]
        known_n, unfamiliar_n = (torch.cat(part).numpy() for part in zip(*parts, strict=True))
        return known_n, unfamiliar_n

    def predict_sets(self, X: Any, coverage: float = 0.9) -> Bool[np.ndarray, "n N"]:
        """Return the classes that each row of X (n, D) may show, as a mask over `classes_`.

        The fraction `coverage` (0.5 … 0.99) of the sets includes the true class. The most probable
        class is always included, so sets of one class may cover more than that.

        Raises:
            UsageError: As for `predict_known_proba`, or `coverage` is out of range.
        """
        shares = map(torch.from_numpy, self._probabilities(X))
        parts = (prediction_sets(some, self.adapter_, coverage).numpy() for some in shares)
        return np.concatenate([*parts])

    def _probabilities(self, X: Any) -> Iterator[Float[np.ndarray, "n N"]]:
        """Yield the probabilities of some rows at a time."""
        for rows in self._rows(X):
            yield probabilities(rows, self.adapter_).numpy()

    def _rows(self, X: Any) -> Iterator[Float[torch.Tensor, "n D"]]:
        """Yield checked rows, `ROWS_AT_ONCE` or fewer at a time."""
        check_is_fitted(self)
        is_array = isinstance(X, np.ndarray | torch.Tensor) and X.ndim == 2
        rows = X if is_array else checked(self, X, reset=False)
        for start in range(0, max(len(rows), 1), ROWS_AT_ONCE):
            some = rows[start : start + ROWS_AT_ONCE]
            if is_array:
                some = checked(self, some, first=start, reset=False)
            yield torch.from_numpy(np.array(some, dtype=np.float64))

    def _read(self, X: Any, y: Any) -> tuple[Support, ImageEncoder | None]:
        """Return the support in float32, with classes in `classes_` order, and the encoder.

        Sets `classes_`, `logit_scale_`, `n_features_in_` and `n_shots_`.
        """
        X, labels, self.classes_ = self._labelled(X, y)
        encoder = loaded_encoder(self.encoder)
        if self.logit_scale is None and encoder is not None:
            self.logit_scale_ = encoder.logit_scale
        else:
            self.logit_scale_ = read_logit_scale(self.logit_scale)
        support = labelled_support(
            X,
            labels,
            self.classes_.tolist(),
            self.class_texts,
            encoder,
            logit_scale=self.logit_scale_,
            blocks=getattr(self, "blocks", ()),
        )
        self.n_shots_ = support.present_TNK[0].sum(-1).numpy()
        return support, encoder

    def _labelled(self, X: Any, y: Any) -> tuple[Float[np.ndarray, "n D"], Any, np.ndarray]:
        """Return checked rows, their labels as for `labelled_support`, and the classes."""
        X, y = checked(self, X, label_array(y), ensure_min_samples=0 if self.class_texts else 1)
        if y.dtype.kind not in "biuUS":  # these kinds need no check, which is slow
            check_classification_targets(y)
        labels = y.tolist()
        named = require_shared_labels(self.class_texts, labels)
        classes = np.unique(label_array([*labels, *named]))
        if len(classes) < 2:
            raise ValueError(
                f"one class only, {classes.tolist()[0]!r}: a classifier needs at least two; "
                "add pictures of another class, or its name to class_texts"
            )
        return X, labels, classes


def _best(shares: Float[np.ndarray, "n N"]) -> Int[np.ndarray, " n"]:
    return np.asarray(shares.argmax(-1))


def checked(estimator: Any, X: Any, *y: Any, first: int = 0, **options: Any) -> Any:
    """Validate X (and y) as scikit-learn does, with an error that names the first wrong row.

    `first` is the number of the first row of X in the user's rows.
    """
    X = as_array(X)
    valid = validate_data(
        estimator,
        X,
        *y,
        dtype=(np.float64, np.float32),
        ensure_all_finite=False,
        **options,
    )
    # Whole numbers are no features. The checks of scikit-learn give them, and zeros among them.
    are_whole = getattr(getattr(X, "dtype", None), "kind", "f") in "iu"
    require_finite(valid[0] if y else valid, "X", first, zeros=are_whole)
    return valid


def loaded_encoder(encoder: ImageEncoder | str | None) -> ImageEncoder | None:
    """Return the encoder, which is loaded if `encoder` is its name."""
    if encoder is None:
        return None
    if isinstance(encoder, str):
        from metaadapter.features.encoders.encoder_by_name import load_encoder

        return load_encoder(encoder)
    if not all(hasattr(encoder, part) for part in ("encode_texts", "logit_scale")):
        raise UsageError(
            "encoder must be an ImageEncoder, such as FrozenEncoder.load('tiny'), its name, or "
            f"None; got {encoder!r}"
        )
    return encoder
