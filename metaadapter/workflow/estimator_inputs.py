"""Checks of the rows and labels that users give to the estimators."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Integral
from typing import Any

import numpy as np
from jaxtyping import Float

from metaadapter.adapter.label_tree import LabelTree
from metaadapter.adapter.unit_rows import as_array
from metaadapter.data.class_names import require_own_spelling
from metaadapter.errors import UsageError


def require_finite(
    rows: Float[np.ndarray, "n *V D"], name: str, first: int = 0, *, zeros: bool = False
) -> None:
    """Raise a `UsageError` with the number of the first row that is no feature of a picture.

    Such a row has a NaN or an infinity, or unless `zeros` are accepted only zeros. The rows are
    numbered from `first`.
    """
    inner = tuple(range(1, rows.ndim))
    faults = {"a NaN": np.isnan(rows).any(inner), "an infinity (inf)": np.isinf(rows).any(inner)}
    if not zeros:
        faults["only zeros"] = np.any(~rows.any(-1), axis=inner[:-1])
    for fault, wrong_N in faults.items():
        if len(wrong := np.flatnonzero(wrong_N)):
            more = f", and so have {len(wrong) - 1} more rows" if len(wrong) > 1 else ""
            raise UsageError(
                f"row {first + wrong[0]} of {name} has {fault}{more}; leave such rows out, or "
                "encode their pictures again"
            )


def label_array(labels: Any) -> Any:
    """Return labels as an array; whole numbers stay exact, even where numpy would make floats.

    Raises:
        UsageError: A label is missing, or a whole number is too large.
    """
    if isinstance(labels, str):
        raise UsageError(f"expected a label for each row of X, got the single text {labels!r}")
    if hasattr(labels, "isna"):  # of pandas
        _require_no_missing(labels.isna())
    elif isinstance(labels, list | tuple) or getattr(getattr(labels, "dtype", 0), "kind", 0) == "O":
        _require_no_missing([_is_missing(label) for label in labels])
    # A pandas column of whole numbers with missing values would become floats.
    if getattr(getattr(labels, "dtype", None), "kind", "") in ("i", "u"):
        labels = labels.tolist()
    if not isinstance(labels, list | tuple) or not all(map(_is_whole, labels)) or not labels:
        return as_array(labels)
    try:
        return np.array([int(label) for label in labels], dtype=np.int64)
    except OverflowError as error:
        raise UsageError(
            f"labels from {min(labels)} to {max(labels)} do not fit into 64 bits; give them as text"
        ) from error


def label_tree(tree: Any) -> LabelTree | None:
    """Return a tree, child → parent or `None` as a label tree; its names are labels as text."""
    if tree is None or isinstance(tree, LabelTree):
        return tree
    if not isinstance(tree, Mapping):
        raise UsageError(
            f"expected tree as child → parent, or a LabelTree, got {tree!r}; read a file with "
            "metaadapter.adapter.label_tree_file.read_label_tree"
        )
    try:
        return LabelTree({str(child): str(parent or "") for child, parent in tree.items()})
    except ValueError as error:
        raise UsageError(f"tree: {error}; give one of them another parent") from error


def unlabelled_rows(unlabelled: Any, width: int) -> Float[np.ndarray, "u D"] | None:
    """Return the features of unlabelled pictures, if any, as (u, width) finite numbers."""
    if unlabelled is None:
        return None
    rows = np.asarray(as_array(unlabelled))
    if rows.ndim != 2 or rows.shape[1] != width or rows.dtype.kind not in "fiu":
        raise UsageError(
            f"unlabelled must be numbers of the shape (pictures, {width}), as wide as X; got "
            f"an array of {rows.dtype} of the shape {rows.shape}"
        )
    rows = rows.astype(np.float64)
    require_finite(rows, "unlabelled")
    return rows


def require_shared_labels(
    class_texts: Mapping[Any, Any] | None, labels: Sequence[Any]
) -> list[Any]:
    """Return the labels of `class_texts`, a mapping; raise a `UsageError` if none is in y."""
    if not isinstance(class_texts, Mapping | None):
        raise UsageError(
            "class_texts must be a mapping from label to text, as in {'fox': 'red fox'}, or None, "
            f"got {class_texts!r:.80}"
        )
    named = list(class_texts or {})
    if named and labels and not set(named) & set(labels):
        raise UsageError(
            f"class_texts names {_some(named)}, but the labels in y are "
            f"{_some(sorted(set(labels)))}; use labels from y as the keys of class_texts"
        )
    require_one_kind([*labels, *named])
    require_own_spelling(_texts([*labels, *named]), "the labels in y and class_texts")
    return named


def require_one_kind(labels: Sequence[Any]) -> None:
    """Raise a `UsageError` unless labels are all text or all numbers, which can be sorted."""
    texts = [label for label in labels if isinstance(label, str)]
    if texts and len(texts) < len(labels):
        other = next(label for label in labels if not isinstance(label, str))
        raise UsageError(
            f"labels must be all text or all numbers, got {texts[0]!r} and {other!r}; write "
            f"{str(other)!r} if {other!r} is a name"
        )


@contextmanager
def unchanged_on_error(estimator: object) -> Iterator[None]:
    """Restore an estimator, fitted or not, if the `with` block raises an error."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def _require_no_missing(missing: Any) -> None:
    if len(rows := np.flatnonzero(missing)):
        more = f", and those of {len(rows) - 1} more rows" if len(rows) > 1 else ""
        raise UsageError(
            f"the label of row {rows[0]} in y is missing{more}; give a label, or leave the row out"
        )


def _is_missing(label: object) -> bool:
    return label is None or (isinstance(label, float) and label != label) or str(label) == "<NA>"


def _texts(labels: Iterable[Any]) -> set[str]:
    return {label for label in labels if isinstance(label, str)}


def _is_whole(label: object) -> bool:
    return isinstance(label, Integral) and not isinstance(label, bool)


def _some(labels: Sequence[Hashable]) -> str:
    shown = [repr(label) for label in labels[:5]]
    return ", ".join(shown) + (", …" if len(labels) > 5 else "")
