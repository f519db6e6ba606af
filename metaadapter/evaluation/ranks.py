"""Ranks of methods over many comparisons, and how far apart they must be (Demšar, 2006)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from metaadapter.evaluation.summary import Samples

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
    p_value: float | None
    """Of Friedman's test that all methods are alike; None for fewer than three methods."""
    critical_difference: float | None
    """Two mean ranks that lie further apart differ by Nemenyi's test, at 5 %."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "by_set": self.by_set,
            "mean": self.mean,
            "n_blocks": self.n_blocks,
            "friedman_p": self.p_value,
            "critical_difference": self.critical_difference,
        }


def rank_methods(samples: Samples, methods: Sequence[str], part: str) -> Ranks | None:
    """Rank by mean accuracy in each block that has all methods; None where there is no choice.

    A method that has no figure at all is left out.
    """
    measured = {method for method, _, of_part, _ in samples if of_part == part}
    methods = [method for method in methods if method in measured]
    blocks = sorted({(store, n_shot) for _, store, of_part, n_shot in samples if of_part == part})
    keys = {block: [(method, block[0], part, block[1]) for method in methods] for block in blocks}
    whole = [block for block in blocks if all(key in samples for key in keys[block])]
    if len(methods) < 2 or not whole:
        return None
    accuracy_BM = np.array(
        [[np.nanmean(samples[key]["accuracy"]) for key in keys[block]] for block in whole]
    )
    ranks_BM = stats.rankdata(-accuracy_BM, axis=1)
    of_set = {store: ranks_BM[[block[0] == store for block in whole]].mean(0) for store, _ in whole}
    mean_M = ranks_BM.mean(0)
    best_first = np.argsort(mean_M, kind="stable")
    return Ranks(
        by_set={store: _named(methods, ranks_M) for store, ranks_M in of_set.items()},
        mean={methods[place]: float(mean_M[place]) for place in best_first},
        n_blocks=len(whole),
        p_value=_friedman_p(ranks_BM),
        critical_difference=nemenyi_difference(len(methods), len(whole)),
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


def _named(methods: Sequence[str], ranks_M: np.ndarray) -> dict[str, float]:
    return dict(zip(methods, ranks_M.tolist(), strict=True))
