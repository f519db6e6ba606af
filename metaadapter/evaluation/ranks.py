"""Ranks of methods over many comparisons, and how far apart they must be (Demšar, 2006)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from metaadapter.evaluation.summary import MEAN

__all__ = ["Ranks", "nemenyi_difference", "rank_methods"]

LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Ranks:
    """1 is best; ties share the mean of their ranks.

    A block is a set at a number of shots. Blocks of one set are not independent, so p and the
    critical difference are a little kind.
    """

    by_set: dict[str, dict[str, float]]
    """Set → method → mean rank over the numbers of shots."""
    mean: dict[str, float]
    """Method → mean rank over all blocks, the best first."""
    n_blocks: int
    friedman_p: float | None
    """Of Friedman's test that all methods are alike; None for fewer than three methods."""
    critical_difference: float
    """Two mean ranks that lie further apart differ by Nemenyi's test, at 5 %."""


def rank_methods(figures: pd.DataFrame, methods: Sequence[str], part: str) -> Ranks | None:
    """Rank by mean accuracy in each block that has all methods; None where there is no choice.

    Args:
        figures: The means of an evaluation.
        methods: In the order that ties keep. One that has no figure at all is left out.
        part: Of the classes.
    """
    wanted = (figures["metric"] == "accuracy") & (figures["part"] == part)
    of_sets = figures[wanted & (figures["store"] != MEAN)]
    accuracy = of_sets.pivot(index=["store", "n_shot"], columns="method", values="mean")
    accuracy = accuracy.reindex(columns=[name for name in methods if name in accuracy]).dropna()
    if len(accuracy.columns) < 2 or not len(accuracy):
        return None
    ranks = accuracy.rank(axis=1, ascending=False)
    by_set = ranks.groupby(level="store", sort=False).mean()
    mean = ranks.mean().sort_values(kind="stable")
    return Ranks(
        by_set={store: by_set.loc[store].to_dict() for store in by_set.index},
        mean=mean.to_dict(),
        n_blocks=len(ranks),
        friedman_p=_friedman_p(ranks.to_numpy()),
        critical_difference=nemenyi_difference(*ranks.shape[::-1]),
    )


def nemenyi_difference(n_methods: int, n_blocks: int) -> float:
    """Q √(k (k + 1) / 6 N), q the studentised range of k means at 5 % by √2."""
    q = stats.studentized_range.ppf(1 - LEVEL, n_methods, np.inf) / 2**0.5
    return float(q * (n_methods * (n_methods + 1) / (6 * n_blocks)) ** 0.5)


def _friedman_p(ranks_BM: np.ndarray) -> float | None:
    n_blocks, n_methods = ranks_BM.shape
    if n_methods < 3 or n_blocks < 2 or (ranks_BM == ranks_BM[:, :1]).all():
        return None
    return float(stats.friedmanchisquare(*ranks_BM.T).pvalue)
