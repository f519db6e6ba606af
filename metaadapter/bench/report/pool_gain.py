"""What a pool of unlabelled pictures changes, against its size and against its evenness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from metaadapter.bench.evaluation.methods import LABELLED
from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.evaluation.tables import CELL, POOL
from metaadapter.bench.report.evaluation_result import PoolBin, PoolGain
from metaadapter.bench.report.evaluation_run import EvaluationRun

MOST_BINS = 4
# Fewer tasks in the mean of a bin would say nothing.
LEAST_TASKS = 5
TASK = ["store", "seed", "task"]


def pool_gains(run: EvaluationRun) -> tuple[PoolGain, ...]:
    """By size where each task drew its own, and by evenness where pools are skewed.

    Of methods that were measured with the pool and, as `NAME@labelled`, without.
    """
    # Otherwise a pool is smaller or less even only where a class runs short of pictures.
    config = run.config
    is_drawn = {
        "size": isinstance(config.pool_size, tuple),
        "evenness": config.pool == "skewed",
    }
    variables = [name for name, is_so in is_drawn.items() if is_so]
    return gains_of_rows(run.tables["rows"], variables) if variables else ()


def gains_of_rows(rows: pd.DataFrame, variables: Sequence[str]) -> tuple[PoolGain, ...]:
    """By each of the variables that has two bins or more; bins have about equally many tasks.

    A set takes part in a bin where it has two tasks, for one has no interval.

    Args:
        rows: Rows of `evaluation.tables.all_tables`; those of an earlier version tell no pool.
        variables: Of "size", the pictures of a pool over the number of classes, and "evenness".
    """
    if not {*POOL} <= {*rows}:
        return ()
    is_bare = rows["method"].str.endswith(LABELLED)
    bare = rows[is_bare].assign(method=rows["method"].str.removesuffix(LABELLED))
    keys = [*CELL, "task"]
    paired = rows[~is_bare].merge(bare[[*keys, "accuracy"]], on=keys, suffixes=("", "_bare"))
    paired = paired.assign(
        gain=paired["accuracy"] - paired["accuracy_bare"],
        size=paired["n_pool"].astype(float) / paired["n_way"].astype(float),
        evenness=paired["pool_evenness"],
    )
    found = (PoolGain(name, _bins(paired.dropna(subset=[name]), name)) for name in variables)
    return tuple(each for each in found if len(each.bins) > 1)


def _bins(paired: pd.DataFrame, variable: str) -> tuple[PoolBin, ...]:
    values = paired.drop_duplicates(TASK)[variable].to_numpy(float)
    n_bins = min(MOST_BINS, len(values) // LEAST_TASKS)
    if n_bins < 2:
        return ()
    # Tasks alike stay together: then there are fewer bins, or unequal ones.
    edges = np.unique(np.quantile(values, np.arange(1, n_bins) / n_bins))
    numbers = np.searchsorted(edges, paired[variable], side="right")
    found = (_bin(each, variable) for _, each in paired.groupby(numbers))
    return tuple(each for each in found if each is not None)


def _bin(paired: pd.DataFrame, variable: str) -> PoolBin | None:
    n_tasks = paired.drop_duplicates(TASK)["store"].value_counts()
    n_tasks = n_tasks[n_tasks > 1]
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
