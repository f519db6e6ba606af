"""Rows and labels from users as arrays, without loss of digits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from metaadapter.errors import UsageError
from metaadapter.workflow.labelled_support import as_array


def require_finite(rows: Float[np.ndarray, "n *V D"], name: str) -> None:
    """Raise a `UsageError` with the number of the first row that is not finite."""
    wrong = np.flatnonzero(~np.isfinite(rows).all(tuple(range(1, rows.ndim))))
    if len(wrong):
        more = f", and {len(wrong) - 1} more rows have one" if len(wrong) > 1 else ""
        raise UsageError(
            f"row {wrong[0]} of {name} has a NaN or infinity (inf){more}; leave such pictures out, "
            "or encode them again"
        )


def label_array(labels: Any) -> Any:
    """Labels as an array; whole numbers stay exact, where numpy would make floats of them.

    Raises:
        UsageError: They are whole numbers that have no common type of 64 bits.
    """
    # A pandas column of whole numbers with missing values would become floats.
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
    distinct: np.ndarray = np.unique(label_array(list(labels)))
    return distinct


def unlabelled_rows(unlabelled: Any, width: int) -> Float[np.ndarray, "u D"]:
    """The features of unlabelled pictures.

    Raises:
        UsageError: They are not finite numbers of the shape (pictures, width).
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
    """Restore an estimator, fitted or not, if the block raises an error."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def _is_whole(label: object) -> bool:
    return isinstance(label, Integral) and not isinstance(label, bool)
