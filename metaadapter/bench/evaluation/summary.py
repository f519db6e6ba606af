"""Summarizes tables of rows: means with intervals, differences paired by draw, and ranks.

Differences also have intervals with the class as the unit: would the next classes agree?
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from metaadapter.bench.evaluation.metrics import plain
from metaadapter.bench.evaluation.tables import CELL, FACTS, table

MEAN = "mean over sets"
DRAW = ["store", "n_shot", "seed", "task"]
BY_CLASS, P_BY_CLASS = "half_by_class", "p_by_class"
CELL_OF_CLASSES = ["n_shot", "store"]
COLUMNS = ("method", "store", "n_shot", "metric", "mean", "half", "n_draws")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and the half-width of its 95 % interval, which is NaN for a store with one task."""

    mean: float
    half: float

    @classmethod
    def over_stores(cls, samples: Sequence[np.ndarray]) -> Estimate:
        """Return the mean over stores of the means over tasks; a sample has a store's tasks.

        The interval covers the draw of the tasks, not the choice of stores; degrees of freedom are
        by Welch and Satterthwaite (by Student for one store).
        """
        mean = float(np.mean([sample.mean() for sample in samples]))
        deviation, freedom = deviation_and_freedom(samples)
        return cls(mean, float(stats.t.ppf(0.975, freedom) * deviation))

    def __str__(self) -> str:
        return f"{self.mean:.1f} ± {self.half:.1f}"

    def signed(self) -> str:
        """Return a difference as a text with its sign."""
        return f"{self.mean:+.2f} ± {self.half:.2f}"


def deviation_and_freedom(samples: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return the standard deviation of `over_stores`, and its degrees of freedom.

    The deviation is NaN if a sample has one value.
    """
    freedom = np.array(list(map(len, samples))) - 1
    if freedom.min() < 1:
        return math.nan, math.nan
    variances = np.array([sample.var(ddof=1) / len(sample) for sample in samples])
    total = variances.sum()
    effective = total**2 / (variances**2 / freedom).sum() if total else freedom.sum()
    return float(total**0.5 / len(samples)), float(effective)


@dataclass(frozen=True, slots=True)
class Ranks:
    """Ranks of methods by accuracy: 1 is best, and ties share the mean of their ranks.

    Methods are ranked in each block, which is one set at one number of shots. Blocks of one set are
    not independent, so p and the critical difference are slightly too small.
    """

    by_set: dict[str, dict[str, float]]
    """Set → method → mean rank over the numbers of shots."""
    mean: dict[str, float]
    """Method → mean rank over all blocks, the best first."""
    n_blocks: int
    friedman_p: float | None
    """The p-value of Friedman's test that methods are equal; None for fewer than three methods."""
    critical_difference: float
    """By Nemenyi's test, methods with mean ranks further apart differ at a level of 5 %."""


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """Return means for each method, set, number of shots and metric, and means over sets.

    In `COLUMNS`, `store` is a set, or `MEAN` for the mean over sets of their means; `half` is the
    half-width of the 95 % interval, which covers the draw of classes and pictures and is NaN for a
    single draw; `n_draws` is seeds times tasks, summed over the sets.
    """
    metrics = [name for name in rows if name not in FACTS]
    long = rows.melt([*CELL, "task"], metrics, "metric", "value").dropna(subset="value")
    stores, figures = list(dict.fromkeys(rows["store"])), []
    keys = ["method", "n_shot", "metric"]
    for (method, n_shot, metric), group in long.groupby(keys, sort=False):
        of_stores = {
            str(store): [values.to_numpy(float)]
            for store, values in group.groupby("store", sort=False)["value"]
        }
        if len(of_stores) == len(stores) > 1:
            of_stores[MEAN] = [of_stores[store][0] for store in stores]
        for store, samples in of_stores.items():
            estimate, n_draws = Estimate.over_stores(samples), sum(map(len, samples))
            row = (method, store, n_shot, metric, estimate.mean, estimate.half, n_draws)
            figures.append(dict(zip(COLUMNS, row, strict=True)))
    return of_records(figures)


def differences(rows: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Return each method minus the reference, draw by draw, in the columns of `means`."""
    is_reference = rows["method"] == reference
    paired = rows[~is_reference].merge(rows[is_reference], on=DRAW, suffixes=("", "_reference"))
    metrics = [name for name in rows if name not in FACTS]
    less = {name: paired[name] - paired[f"{name}_reference"] for name in metrics}
    return means(paired[[*CELL, "task"]].assign(**less))


def of_records(figures: list[dict[str, Any]], columns: Sequence[str] = COLUMNS) -> pd.DataFrame:
    """Return the table of figures from their JSON form, which `records` makes."""
    return table({name: [record.get(name) for record in figures] for name in columns})


def records(figures: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the JSON form of a table of figures; the interval of a single draw is null."""
    rows: list[dict[str, Any]] = plain(figures.to_dict("records"))
    return rows


def rank_methods(figures: pd.DataFrame, methods: Sequence[str]) -> Ranks | None:
    """Rank methods by mean accuracy in the blocks that have them all; None for fewer than two."""
    of_sets = figures[(figures["metric"] == "accuracy") & (figures["store"] != MEAN)]
    accuracy = of_sets.pivot(index=["store", "n_shot"], columns="method", values="mean")
    accuracy = accuracy.reindex(columns=[name for name in methods if name in accuracy]).dropna()
    if len(accuracy.columns) < 2 or not len(accuracy):
        return None
    ranks = accuracy.rank(axis=1, ascending=False)
    by_set = ranks.groupby(level="store", sort=False).mean()
    n_blocks, n_methods = ranks.shape
    has_choice = n_methods > 2 and n_blocks > 1 and (ranks.nunique(axis=1) > 1).any()
    return Ranks(
        by_set={store: by_set.loc[store].to_dict() for store in by_set.index},
        mean=ranks.mean().sort_values(kind="stable").to_dict(),
        n_blocks=n_blocks,
        friedman_p=float(stats.friedmanchisquare(*ranks.to_numpy().T).pvalue)
        if has_choice
        else None,
        critical_difference=nemenyi_difference(n_methods, n_blocks),
    )


def nemenyi_difference(n_methods: int, n_blocks: int) -> float:
    """Return q √(k (k + 1) / 6 N), with q the studentised range of k means at 5 % divided by √2."""
    q = stats.studentized_range.ppf(1 - 0.05, n_methods, np.inf) / 2**0.5
    return float(q * (n_methods * (n_methods + 1) / (6 * n_blocks)) ** 0.5)


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


def _tests(classes: pd.DataFrame, reference: str) -> Iterator[tuple[str, int, str, float, float]]:
    """Yield method, n_shot, store or `MEAN`, the half-width of the interval, and p."""
    right = (classes["recall"] * classes["support"].astype(float)).fillna(0.0)
    counted = classes.assign(right=right).groupby(["method", *CELL_OF_CLASSES, "class"])
    sums = counted[["right", "support"]].sum().astype(float).reset_index()
    is_reference = sums["method"] == reference
    paired = sums[~is_reference].merge(
        sums[is_reference], on=[*CELL_OF_CLASSES, "class"], suffixes=("", "_reference")
    )
    stores = list(dict.fromkeys(sums["store"]))
    for (method, n_shot), group in paired.groupby(["method", "n_shot"], sort=False):
        samples = {store: _sample(of_store) for store, of_store in group.groupby("store")}
        key = str(method), int(n_shot)
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
