"""The measures of continual learning, from the accuracies after each task."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from jaxtyping import Float

# A_ij is the accuracy on task j after tasks 1 … i, NaN without queries of j then; n tasks.
Matrix = Float[np.ndarray, "n n"]
DRAW = ["method", "n_shot", "seed"]
COLUMNS = ("method", "n_shot", "measure", "mean", "half", "n_draws")
MEASURES = ("last", "average", "transfer", "forgetting", "identification", "bytes_a_class")
"""The measures of a draw, NaN where a setting has none."""


def last(accuracy: Matrix) -> float:
    """Last: the mean over j of A_nj (MTIL: Zheng et al., ICCV 2023)."""
    return float(accuracy[-1].mean())


def average(accuracy: Matrix) -> float:
    """Average: the mean over i of the mean over j of A_ij, of the tasks with queries.

    MTIL and X-TAIL have queries of all tasks after each task. The class-incremental setting has
    queries of the tasks learned so far, which gives the average incremental accuracy of iCaRL with
    equal weights for tasks.
    """
    return float(np.nanmean(accuracy, axis=1).mean())


def transfer(accuracy: Matrix) -> float:
    """Transfer: the mean over j ≥ 2 of the mean over i < j of A_ij (MTIL).

    The accuracy on tasks to come; NaN where they have no queries.
    """
    n = len(accuracy)
    return float(np.mean([accuracy[:j, j].mean() for j in range(1, n)])) if n > 1 else math.nan


def forgetting(accuracy: Matrix) -> float:
    """Forgetting: the mean over j < n of max over j ≤ i < n of A_ij, less A_nj.

    As Chaudhry et al. (ECCV 2018); below zero where later tasks helped. In the class-incremental
    setting it includes the unavoidable cost of more possible answers.
    """
    n = len(accuracy)
    if n < 2:
        return math.nan
    return float(np.mean([accuracy[j : n - 1, j].max() - accuracy[-1, j] for j in range(n - 1)]))


def matrix(rows: pd.DataFrame, column: str = "accuracy") -> Matrix:
    """The matrix of one draw, or of the mean over draws."""
    means = rows.groupby(["after", "task"])[column].mean().unstack("task")
    values: Matrix = means.to_numpy(dtype=float, na_value=math.nan)
    return values


def draw_figures(rows: pd.DataFrame) -> pd.DataFrame:
    """A row for each method, number of shots and seed, with `MEASURES`, as `means` reads them.

    `identification` is the mean over tasks of the fraction of queries whose predicted class is of
    the right task, and `bytes_a_class` the size of what the learner keeps by the number of classes,
    both after the last task. A learner that sees all tasks from the start has no transfer.
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
    """Means or differences of `draw_figures` in the columns `COLUMNS`, learner by learner."""
    learner = figures.groupby(["method", "n_shot"], sort=False).ngroup()
    ordered = figures.iloc[learner.argsort(kind="stable")].rename(columns={"metric": "measure"})
    return ordered[list(COLUMNS)].reset_index(drop=True)
