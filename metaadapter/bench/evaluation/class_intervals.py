"""Intervals of differences with the class as the unit: would the next classes agree?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from metaadapter.bench.evaluation.summary import MEAN, Estimate, deviation_and_freedom
from metaadapter.bench.evaluation.tables import table

BY_CLASS, P_BY_CLASS = "half_by_class", "p_by_class"
CELL_OF_CLASSES = ["part", "n_shot", "store"]


def with_class_intervals(
    differences: pd.DataFrame, classes: pd.DataFrame, reference: str
) -> pd.DataFrame:
    """Return a table of differences with `half_by_class` and `p_by_class`, NaN but for accuracies.

    A sample has, for each class of a set, the fraction of its queries that a method predicts
    correctly less that of the reference, over all draws. Classes count by their queries. The half
    is that of `Estimate.over_stores`, so with clusters as units (Cameron and Miller 2015), and p is
    that of the same two-sided test of Student.
    """
    keys = ["method", *CELL_OF_CLASSES]
    columns = (*keys, BY_CLASS, P_BY_CLASS)
    rows = list(_tests(classes, reference))
    tests = table({name: [row[place] for row in rows] for place, name in enumerate(columns)})
    tests = tests.astype({"n_shot": differences["n_shot"].dtype})
    return differences.merge(tests.assign(metric="accuracy"), "left", [*keys, "metric"])


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """Return p-values for all tests together (Holm 1979): each at least as large as before."""
    adjusted, largest = {}, 0.0
    for place, (name, value) in enumerate(sorted(p.items(), key=lambda item: item[1])):
        largest = max(largest, min(1.0, (len(p) - place) * value))
        adjusted[name] = largest
    return adjusted


def _tests(
    classes: pd.DataFrame, reference: str
) -> Iterator[tuple[str, str, int, str, float, float]]:
    """Yield method, part, n_shot, store or `MEAN`, the half-width of the interval, and p."""
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
            yield *key, str(store), *_test([sample])
        if len(samples) == len(stores) > 1:
            yield *key, MEAN, *_test(list(samples.values()))


def _test(samples: Sequence[np.ndarray]) -> tuple[float, float]:
    estimate = Estimate.over_stores(samples)
    deviation, freedom = deviation_and_freedom(samples)
    if deviation == 0:
        return estimate.half, float(estimate.mean == 0)
    return estimate.half, float(2 * stats.t.sf(abs(estimate.mean) / deviation, freedom))


def _sample(paired: pd.DataFrame) -> np.ndarray:
    """Return a value for each class; their mean is the difference over all queries."""
    asked = paired["support"].to_numpy()
    less = (paired["right"] - paired["right_reference"]).to_numpy() / asked.clip(min=1)
    mean = (asked * less).sum() / max(1.0, asked.sum())
    weights = len(asked) * asked / max(1.0, asked.sum())
    sample: np.ndarray = mean + weights * (less - mean)
    return sample
