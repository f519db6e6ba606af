"""Computes the gain from a pool of unlabelled pictures, by its size and by its evenness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from metaadapter.bench.evaluation.method_names import LABELLED
from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.evaluation.tables import CELL
from metaadapter.bench.report.evaluation_run import ByShots, EvaluationRun

MOST_BINS = 4
# A bin needs this many tasks for a mean to be meaningful.
LEAST_TASKS = 5
TASK = ["store", "seed", "task"]


@dataclass(frozen=True, slots=True)
class PoolBin:
    """Tasks with pools of about the same size, or of about the same evenness."""

    low: float
    high: float
    mean: float
    n_tasks: int
    n_sets: int
    gain: ByShots
    """The accuracy of each method with the pool minus without, as a fraction of 1, paired by task;
    the mean over the sets."""


@dataclass(frozen=True, slots=True)
class PoolGain:
    """Gains in accuracy from the pool, by bins of one property of pools."""

    by: str
    """"size" (the number of unlabelled pictures a class) or "evenness"."""
    bins: tuple[PoolBin, ...]
    """Two or more, from low to high."""

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that were measured both with the pool and without."""
        return tuple(self.bins[0].gain)


def pool_gains(run: EvaluationRun) -> tuple[PoolGain, ...]:
    """Return gains by size if each task draws its own size, and by evenness if pools are skewed."""
    # Otherwise a pool is smaller or less even only because a class lacks pictures.
    variables = []
    if isinstance(run.config.pool_size, tuple):
        variables.append("size")
    if run.config.pool == "skewed":
        variables.append("evenness")
    return gains_of_rows(run.rows, variables) if variables else ()


def gains_of_rows(rows: pd.DataFrame, variables: Sequence[str]) -> tuple[PoolGain, ...]:
    """Return gains by each variable ("size", "evenness") that has two bins or more."""
    is_bare = rows["method"].str.endswith(LABELLED)
    bare = rows[is_bare].assign(method=rows["method"].str.removesuffix(LABELLED))
    keys = [*CELL, "task"]
    paired = rows[~is_bare].merge(bare[[*keys, "accuracy"]], on=keys, suffixes=("", "_bare"))
    paired = paired.assign(
        gain=paired["accuracy"] - paired["accuracy_bare"],
        size=paired["n_pool"].astype(float) / paired["n_way"].astype(float),
        evenness=paired["pool_evenness"],
    )
    gains = (PoolGain(name, _bins(paired.dropna(subset=[name]), name)) for name in variables)
    return tuple(gain for gain in gains if len(gain.bins) > 1)


def _bins(paired: pd.DataFrame, variable: str) -> tuple[PoolBin, ...]:
    values = paired.drop_duplicates(TASK)[variable].to_numpy(float)
    n_bins = min(MOST_BINS, len(values) // LEAST_TASKS)
    if n_bins < 2:
        return ()
    # Tasks with equal values are in one bin, so there may be fewer bins, of different sizes.
    edges = np.unique(np.quantile(values, np.arange(1, n_bins) / n_bins))
    numbers = np.searchsorted(edges, paired[variable], side="right")
    bins = (_bin(rows, variable) for _, rows in paired.groupby(numbers))
    return tuple(bin for bin in bins if bin is not None)


def _bin(paired: pd.DataFrame, variable: str) -> PoolBin | None:
    n_tasks = paired.drop_duplicates(TASK)["store"].value_counts()
    n_tasks = n_tasks[n_tasks > 1]  # a single task has no interval
    paired = paired[paired["store"].isin(n_tasks.index)]
    if not len(paired):
        return None
    values = paired.drop_duplicates(TASK)[variable]
    return PoolBin(
        low=float(values.min()),
        high=float(values.max()),
        mean=float(values.mean()),
        n_tasks=int(n_tasks.sum()),
        n_sets=len(n_tasks),
        gain={
            method: {
                int(n_shot): Estimate.over_stores(
                    [gains.to_numpy(float) for _, gains in of_shot.groupby("store")["gain"]]
                )
                for n_shot, of_shot in of_method.groupby("n_shot")
            }
            for method, of_method in paired.groupby("method", sort=False)
        },
    )
