"""Computes the measures of continual learning from the accuracies after each task."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from jaxtyping import Float

# A_ij is the accuracy on task j of n after tasks 1 … i are learned; NaN without queries of j then.
Matrix = Float[np.ndarray, "n n"]
DRAW = ["method", "n_shot", "seed"]
COLUMNS = ("method", "n_shot", "measure", "mean", "half", "n_draws")
MEASURES = ("last", "average", "transfer", "forgetting", "identification", "bytes_a_class")
"""The measures of a draw; NaN if the setting does not define one."""


def last(accuracy: Matrix) -> float:
    """Return the mean over j of A_nj, "last" (MTIL: Zheng et al., ICCV 2023)."""
    return float(accuracy[-1].mean())


def average(accuracy: Matrix) -> float:
    """Return "average": for each i the mean over j of A_ij, and the mean of these means over i.

    MTIL and X-TAIL have queries of all tasks after each task. The class-incremental setting has
    those of the tasks learned so far; this is iCaRL's average accuracy with equal task weights.
    """
    return float(np.nanmean(accuracy, axis=1).mean())


def transfer(accuracy: Matrix) -> float:
    """Return "transfer": for each j ≥ 2 the mean over i < j of A_ij, and the mean over j (MTIL).

    It is the accuracy on tasks before they are learned; NaN if they have no queries then.
    """
    n = len(accuracy)
    return float(np.mean([accuracy[:j, j].mean() for j in range(1, n)])) if n > 1 else math.nan


def forgetting(accuracy: Matrix) -> float:
    """Return "forgetting": the mean over tasks j < n of (the max of A_ij over j ≤ i < n) − A_nj.

    A_ij is the accuracy on task j after task i is learned. The definition is from Chaudhry et al.
    (ECCV 2018). The value is negative if later tasks helped. In the class-incremental setting it
    includes the unavoidable cost of more possible answers.
    """
    n = len(accuracy)
    if n < 2:
        return math.nan
    return float(np.mean([accuracy[j : n - 1, j].max() - accuracy[-1, j] for j in range(n - 1)]))


def matrix(rows: pd.DataFrame, column: str = "accuracy") -> Matrix:
    """Return the matrix of one draw, or, if `rows` has several draws, their mean."""
    means = rows.groupby(["after", "task"])[column].mean().unstack("task")
    values: Matrix = means.to_numpy(dtype=float, na_value=math.nan)
    return values


def draw_figures(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row with `MEASURES` for each method, number of shots and seed, as `means` reads it.

    After the last task, `identification` is the fraction of queries whose predicted class is in the
    right task (the mean over tasks), and `bytes_a_class` is the size of what the learner keeps
    divided by the number of classes. A learner that sees all tasks at the start has no transfer.
    """
    draws = []
    for key, of_draw in rows.groupby(DRAW, sort=False):
        accuracy, at_end = matrix(of_draw), of_draw[of_draw["after"] == of_draw["after"].max()]
        sees_every_task = len(accuracy) > 1 and of_draw["n_classes"].nunique() == 1
        draws.append(
            dict(zip(DRAW, key, strict=True))
            | {
                "last": last(accuracy),
                "average": average(accuracy),
                "transfer": math.nan if sees_every_task else transfer(accuracy),
                "forgetting": forgetting(accuracy),
                "identification": float(at_end["identified"].mean()),
                "bytes_a_class": float(at_end["n_bytes"].iloc[0] / at_end["n_classes"].iloc[0]),
            }
        )
    return pd.DataFrame(draws, columns=[*DRAW, *MEASURES]).assign(store="", part="", task=0)


def by_measure(figures: pd.DataFrame) -> pd.DataFrame:
    """Return means or differences of `draw_figures` in `COLUMNS`, sorted by learner and shots."""
    learner = figures.groupby(["method", "n_shot"], sort=False).ngroup()
    ordered = figures.iloc[learner.argsort(kind="stable")].rename(columns={"metric": "measure"})
    return ordered[list(COLUMNS)].reset_index(drop=True)
