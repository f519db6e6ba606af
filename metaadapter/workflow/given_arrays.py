"""Rows and labels as users give them: arrays, lists, tensors; no number is lost on the way in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Shaped

from metaadapter.errors import UsageError

# Beneath it PyTorch does not scale a row to length 1; above, its sum of squares is too large.
SMALL, LARGE = 1e-6, 1e100


def as_array(given: Any) -> Any:
    """A tensor as an array, whatever its device and type and whether it has a gradient."""
    if not isinstance(given, torch.Tensor):
        return given
    plain = given.detach().cpu()
    return (plain.float() if plain.dtype is torch.bfloat16 else plain).numpy()


def require_finite(rows: Float[np.ndarray, "n *V D"], name: str) -> None:
    """Raise a `UsageError` with the number of the first row that is not finite."""
    wrong = np.flatnonzero(~np.isfinite(rows).all(tuple(range(1, rows.ndim))))
    if len(wrong):
        more = f", and so have {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise UsageError(
            f"row {wrong[0]} of {name} has a NaN or infinity (inf){more}; leave such pictures out, "
            "or encode them again"
        )


def label_array(labels: Any) -> Any:
    """Labels as an array if they are whole numbers, which numpy may make rounded floats of.

    Raises:
        UsageError: They are whole numbers that have no common type of 64 bits.
    """
    # Whole numbers of pandas that may lack some would become floats.
    if getattr(getattr(labels, "dtype", None), "kind", "") in ("i", "u"):
        labels = labels.tolist()
    if not isinstance(labels, list | tuple) or not all(map(_is_whole, labels)) or not labels:
        return as_array(labels)
    for kind in (np.int64, np.uint64):
        try:
            return np.array([int(label) for label in labels], dtype=kind)
        except OverflowError:
            continue
    raise UsageError(
        f"labels from {min(labels)} to {max(labels)} do not fit into 64 bits; give them as text"
    )


def sorted_labels(labels: Sequence[Any]) -> Shaped[np.ndarray, " N"]:
    """The distinct labels; errors are those of `label_array`."""
    found: np.ndarray = np.unique(label_array(list(labels)))
    return found


def moderate_rows(X: Any) -> Float64[np.ndarray, "*rows D"]:
    """The rows, in their direction: no length vanishes or overflows any more."""
    rows = np.array(X, dtype=np.float64)
    largest = np.maximum(rows.max(-1, initial=0.0), -rows.min(-1, initial=0.0))[..., None]
    if ((largest == 0) | (largest > SMALL) & (largest < LARGE)).all():
        return rows
    # A power of two changes no digit.
    moderate: np.ndarray = np.ldexp(rows, -np.frexp(largest)[1])
    return moderate


def unlabelled_rows(unlabelled: Any, width: int) -> Float[np.ndarray, "u D"]:
    """The features of unlabelled pictures, checked.

    Raises:
        UsageError: They are no finite numbers of the shape (pictures, width).
    """
    rows = np.asarray(as_array(unlabelled))
    if rows.ndim != 2 or rows.shape[1] != width or rows.dtype.kind not in "fiu":
        raise UsageError(
            f"unlabelled must be numbers of the shape (pictures, {width}), as wide as X; got "
            f"{rows.dtype} of the shape {rows.shape}"
        )
    rows = rows.astype(np.float64)
    require_finite(rows, "unlabelled")
    return rows


@contextmanager
def unchanged_on_error(estimator: object) -> Iterator[None]:
    """Leave an estimator as it was, fitted or not, if the block ends with an error."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def _is_whole(label: object) -> bool:
    return isinstance(label, Integral) and not isinstance(label, bool)
