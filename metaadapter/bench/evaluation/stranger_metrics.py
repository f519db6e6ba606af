"""Scores how well a method distinguishes known pictures from strangers."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from sklearn.metrics import roc_auc_score

UNKNOWN = -1
"""The way of a near stranger: a picture of the same set, of a class outside the task."""
FAR = -2
"""The way of a far stranger: a picture of another set."""

STRANGER_METRICS = (
    *("unknown_auroc", "far_auroc", "kept", "kept_near", "kept_far"),
    *("set_coverage", "set_size"),
)
"""Fractions of 1, except `set_size`, which is a number of classes.

- `unknown_auroc`, `far_auroc`: the areas under the ROC curve for near and for far strangers.
- `kept`, `kept_near`, `kept_far`: the fractions of known pictures and of both kinds of strangers
  above the method's own threshold.
- `set_coverage`, `set_size`: the fraction of its sets of classes that include the correct class of
  a known picture, and their mean size.
"""


def score_strangers(answers: np.ndarray, n_tasks: int) -> dict[str, Float[np.ndarray, " T"]]:
    """`STRANGER_METRICS` by name → the figures of each task.

    Args:
        answers: The answers of `read_answers`. They may have further columns: `known`, a score that
            grows with the probability of known (else `confidence` is that score); `kept`, whether
            it is above the method's threshold; `covered` and `set_size`, whether the set of classes
            includes the correct one, and its size.
        n_tasks: The number of tasks T.

    Returns:
        Figures; NaN where a task lacks known pictures or strangers, or the answers lack a column.
    """
    way, columns = answers["way"], answers.dtype.names or ()
    is_known, is_near, is_far = way >= 0, way == UNKNOWN, way == FAR

    def mean(column: str, rows: Bool[np.ndarray, " q"]) -> Float[np.ndarray, " T"]:
        if column not in columns:
            return np.full(n_tasks, np.nan)
        part = answers[rows]
        with np.errstate(invalid="ignore"):
            total = np.bincount(part["task"], part[column], n_tasks)
            return np.asarray(total / np.bincount(part["task"], minlength=n_tasks))

    score = answers["known" if "known" in columns else "confidence"]
    figures = (
        *(_areas(answers["task"], score, is_known, kind, n_tasks) for kind in (is_near, is_far)),
        *(mean("kept", kind) for kind in (is_known, is_near, is_far)),
        *(mean(column, is_known) for column in ("covered", "set_size")),
    )
    return dict(zip(STRANGER_METRICS, figures, strict=True))


def _areas(
    task: np.ndarray,
    score: np.ndarray,
    is_known: Bool[np.ndarray, " q"],
    is_stranger: Bool[np.ndarray, " q"],
    n_tasks: int,
) -> Float[np.ndarray, " T"]:
    areas = np.full(n_tasks, np.nan)
    for number in np.unique(task[is_stranger]):
        is_of_task = (task == number) & (is_known | is_stranger)
        if (is_known & is_of_task).any():
            areas[number] = roc_auc_score(is_known[is_of_task], score[is_of_task])
    return areas
