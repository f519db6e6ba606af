"""From tidy rows to means with their intervals, and to differences paired by draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from metaadapter.evaluation.table_files import table
from metaadapter.evaluation.tables import CELL

__all__ = ["MEAN", "Estimate", "differences", "means", "of_records", "records"]

MEAN = "mean over sets"
DRAW = ["store", "part", "n_shot", "seed", "task"]
NO_METRICS = (*CELL, "task", "n_way", "n_query")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with the half-width of its 95 % interval; NaN for a store with a single task."""

    mean: float
    half: float

    @classmethod
    def over_stores(cls, samples: Sequence[np.ndarray]) -> Estimate:
        """Mean over stores of the mean over tasks.

        The interval covers which tasks were drawn, not which stores; degrees of freedom by Welch
        and Satterthwaite (Student's for one store).
        """
        mean = float(np.mean([sample.mean() for sample in samples]))
        if min(map(len, samples)) < 2:
            return cls(mean, math.nan)
        variances = np.array([sample.var(ddof=1) / len(sample) for sample in samples])
        freedom = np.array([len(sample) - 1 for sample in samples])
        total = variances.sum()
        effective = total**2 / (variances**2 / freedom).sum() if total else freedom.sum()
        half = stats.t.ppf(0.975, effective) * total**0.5 / len(samples)
        return cls(mean, float(half))

    def __str__(self) -> str:
        return f"{self.mean:.1f} ± {self.half:.1f}"

    def signed(self) -> str:
        """The form of a difference."""
        return f"{self.mean:+.2f} ± {self.half:.2f}"


def means(rows: pd.DataFrame) -> pd.DataFrame:
    """Of each method, set, part, number of shots and metric, and over the sets.

    The intervals cover which classes and pictures were drawn, not which sets there are.

    Returns:
        Columns method, store (a set, or `MEAN`: the mean over sets of their means), part, n_shot,
        metric, mean, half (of the 95 % interval; NaN for a single draw) and n_draws (seeds times
        tasks, over all sets).
    """
    metrics = [name for name in rows if name not in NO_METRICS]
    long = rows.melt([*CELL, "task"], metrics, "metric", "value").dropna(subset="value")
    samples = {
        key: found["value"].to_numpy(float)
        for key, found in long.groupby(["method", "part", "n_shot", "metric", "store"], sort=False)
    }
    stores = list(dict.fromkeys(rows["store"]))
    found = []
    for (method, part, n_shot, metric, store), values in samples.items():
        of_places = {store: [values]}
        keys = [(method, part, n_shot, metric, each) for each in stores]
        if store == stores[-1] and len(stores) > 1 and all(key in samples for key in keys):
            of_places[MEAN] = [samples[key] for key in keys]
        for place, sample in of_places.items():
            estimate = Estimate.over_stores(sample)
            found.append(
                {
                    **{"method": method, "store": place, "part": part, "n_shot": n_shot},
                    **{"metric": metric, "mean": estimate.mean, "half": estimate.half},
                    "n_draws": sum(map(len, sample)),
                }
            )
    return of_records(found)


def differences(rows: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Each method less the reference, draw by draw; columns as those of `means`."""
    is_reference = rows["method"] == reference
    others = rows[~is_reference]
    paired = others.merge(rows[is_reference], on=DRAW, suffixes=("", "_reference"))
    less = {
        name: paired[name] - paired[f"{name}_reference"] for name in rows if name not in NO_METRICS
    }
    return means(paired[list(NO_METRICS)].assign(**less))


def of_records(found: list[dict[str, Any]]) -> pd.DataFrame:
    """Figures as a table."""
    names = ("method", "store", "part", "n_shot", "metric", "mean", "half", "n_draws")
    return table({name: [each[name] for each in found] for name in names})


def records(figures: pd.DataFrame) -> list[dict[str, Any]]:
    """The JSON form; an interval of a single draw is null."""
    return [
        {name: None if value != value else value for name, value in each.items()}
        for each in figures.to_dict("records")
    ]
