"""Intervals of differences with the class as the unit: would the next classes agree?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from metaadapter.bench.evaluation.summary import MEAN, Estimate

BY_CLASS = "half_by_class"
CELL_OF_CLASSES = ["part", "n_shot", "store"]


def with_class_intervals(
    differences: pd.DataFrame, classes: pd.DataFrame, reference: str
) -> pd.DataFrame:
    """Return a table of differences with a column `half_by_class`, NaN but for accuracies.

    A sample has, for each class of a set, the fraction of its queries that a method predicts
    correctly less that of the reference, over all draws. Classes count by their queries. The half
    is that of `Estimate.over_stores`, so with clusters as units (Cameron and Miller 2015).
    """
    keys = ["method", *CELL_OF_CLASSES]
    halves = pd.DataFrame(_halves(classes, reference), columns=[*keys, BY_CLASS])
    halves = halves.astype({"n_shot": differences["n_shot"].dtype})
    return differences.merge(halves.assign(metric="accuracy"), "left", [*keys, "metric"])


def _halves(classes: pd.DataFrame, reference: str) -> Iterator[tuple[str, str, int, str, float]]:
    """Yield method, part, n_shot, store or `MEAN`, and the half-width of the interval."""
    right = (classes["recall"] * classes["support"].astype(float)).fillna(0.0)
    counted = classes.assign(right=right).groupby(["method", *CELL_OF_CLASSES, "class"])
    sums = counted[["right", "support"]].sum().astype(float).reset_index()
    is_reference = sums["method"] == reference
    paired = sums[~is_reference].merge(
        sums[is_reference], on=[*CELL_OF_CLASSES, "class"], suffixes=("", "_reference")
    )
    stores = list(dict.fromkeys(sums["store"]))
    for (method, part, n_shot), group in paired.groupby(["method", "part", "n_shot"], sort=False):
        samples = {store: _sample(of_store) for store, of_store in group.groupby("store")}
        key = str(method), str(part), int(n_shot)
        for store, sample in samples.items():
            yield *key, str(store), Estimate.over_stores([sample]).half
        if len(samples) == len(stores) > 1:
            yield *key, MEAN, Estimate.over_stores(list(samples.values())).half


def _sample(paired: pd.DataFrame) -> np.ndarray:
    """Return a value for each class; their mean is the difference over all queries."""
    asked = paired["support"].to_numpy()
    less = (paired["right"] - paired["right_reference"]).to_numpy() / asked.clip(min=1)
    mean = (asked * less).sum() / max(1.0, asked.sum())
    weights = len(asked) * asked / max(1.0, asked.sum())
    sample: np.ndarray = mean + weights * (less - mean)
    return sample
