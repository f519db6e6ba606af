"""From tidy rows to means with intervals, and to differences paired by draw."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from metaadapter.evaluation.estimate import Estimate
from metaadapter.evaluation.metrics import METRICS

__all__ = ["MEAN", "Figure", "Samples", "collect", "differences", "means"]

MEAN = "mean over sets"
COSTS = ("fit_seconds", "predict_seconds")

Samples = Mapping[tuple[str, str, str, int], Mapping[str, np.ndarray]]
"""By method, set, part and shots: each metric of each draw, in the order of seeds and tasks."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean with its interval, or the mean of a difference to the reference."""

    method: str
    store: str
    """A set, or `MEAN`: the mean over sets of their means."""
    part: str
    n_shot: int
    metric: str
    estimate: Estimate
    n_draws: int
    """Seeds times tasks, over all sets."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form; an interval of a single draw is null."""
        half = self.estimate.half
        return {
            "method": self.method,
            "store": self.store,
            "part": self.part,
            "n_shot": self.n_shot,
            "metric": self.metric,
            "mean": self.estimate.mean,
            "half": None if math.isnan(half) else half,
            "n_draws": self.n_draws,
        }


def collect(rows: Iterable[Mapping[str, Any]]) -> Samples:
    """Sort rows into samples; NaN where a metric is empty."""
    found: defaultdict[tuple[str, str, str, int], defaultdict[str, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for row in rows:
        key = (row["method"], row["store"], row["part"], row["n_shot"])
        for name in (*METRICS, *COSTS):
            found[key][name].append(math.nan if row[name] is None else row[name])
    return {
        key: {name: np.array(values) for name, values in by_metric.items()}
        for key, by_metric in found.items()
    }


def means(samples: Samples) -> list[Figure]:
    """Of each method, set, part, number of shots and metric, and over the sets.

    The intervals cover which classes and pictures were drawn, not which sets there are.
    """
    return _figures({key: dict(by_metric) for key, by_metric in samples.items()})


def differences(samples: Samples, reference: str) -> list[Figure]:
    """Each method less the reference, draw by draw."""
    paired = {}
    for (method, store, part, n_shot), by_metric in samples.items():
        other = samples.get((reference, store, part, n_shot))
        if method != reference and other is not None:
            paired[method, store, part, n_shot] = {
                name: values - other[name] for name, values in by_metric.items()
            }
    return _figures(paired)


def _figures(samples: Samples) -> list[Figure]:
    stores = list(dict.fromkeys(store for _, store, _, _ in samples))
    figures = []
    for (method, store, part, n_shot), by_metric in samples.items():
        for metric, values in by_metric.items():
            figures += _figure(method, store, part, n_shot, metric, [values])
        keys = [(method, each, part, n_shot) for each in stores]
        if store == stores[-1] and len(stores) > 1 and all(key in samples for key in keys):
            for metric in by_metric:
                values_of = [samples[key][metric] for key in keys]
                figures += _figure(method, MEAN, part, n_shot, metric, values_of)
    return figures


def _figure(
    method: str, store: str, part: str, n_shot: int, metric: str, samples: Sequence[np.ndarray]
) -> list[Figure]:
    """None for a metric that some set does not have."""
    kept = [values[~np.isnan(values)] for values in samples]
    if not all(map(len, kept)):
        return []
    n_draws = sum(map(len, kept))
    if min(map(len, kept)) < 2:
        estimate = Estimate(float(np.mean([values.mean() for values in kept])), math.nan)
    else:
        estimate = Estimate.over_stores(kept)
    return [Figure(method, store, part, n_shot, metric, estimate, n_draws)]
