"""How well a method tells pictures of its classes from those of none of them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from sklearn.metrics import roc_auc_score

UNKNOWN = -1
"""The way of a picture whose class is not among those of its task."""
FAR = -2
"""The way of a picture of another set."""

STRANGER_METRICS = (
    *("unknown_auroc", "far_auroc", "kept", "kept_near", "kept_far"),
    *("set_coverage", "set_size"),
)
"""Fractions of 1, save `set_size`, which is a number of classes.

The areas under the ROC curve, of strangers of the same set and of another one; the fractions of
known pictures and of either kind of strangers that lie above the method's own threshold; and of the
sets that it answers with, how many hold the class of a known picture, and how large they are.
"""


def score_strangers(answers: np.ndarray, n_tasks: int) -> dict[str, Float[np.ndarray, " T"]]:
    """Return the figures of each task by the names of `STRANGER_METRICS`.

    Args:
        answers: Those of `read_answers`. Beside its own columns they may have `known`, how surely a
            picture is of one of the classes (else that is `confidence`); `kept`, whether this is
            above the method's threshold; `covered` and `set_size`, whether its set of classes has
            the right one, and its size.
        n_tasks: The number of tasks T.

    Returns:
        NaN where a task lacks known pictures, or strangers; or the answers such a column.
    """
    way, columns = answers["way"], answers.dtype.names or ()
    is_known, is_near, is_far = way >= 0, way == UNKNOWN, way == FAR

    def mean(column: str, rows: Bool[np.ndarray, " q"]) -> Float[np.ndarray, " T"]:
        if column not in columns:
            return np.full(n_tasks, np.nan)
        there = answers[rows]
        with np.errstate(invalid="ignore"):
            total = np.bincount(there["task"], there[column], n_tasks)
            return np.asarray(total / np.bincount(there["task"], minlength=n_tasks))

    surety = answers["known" if "known" in columns else "confidence"]
    found = (
        *(_areas(answers["task"], surety, is_known, each, n_tasks) for each in (is_near, is_far)),
        *(mean("kept", each) for each in (is_known, is_near, is_far)),
        *(mean(column, is_known) for column in ("covered", "set_size")),
    )
    return dict(zip(STRANGER_METRICS, found, strict=True))


def _areas(
    task: np.ndarray,
    surety: np.ndarray,
    is_known: Bool[np.ndarray, " q"],
    is_strange: Bool[np.ndarray, " q"],
    n_tasks: int,
) -> Float[np.ndarray, " T"]:
    areas = np.full(n_tasks, np.nan)
    for number in np.unique(task[is_strange]):
        is_here = (task == number) & (is_known | is_strange)
        if (is_known & is_here).any():
            areas[number] = roc_auc_score(is_known[is_here], surety[is_here])
    return areas
