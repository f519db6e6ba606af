"""Measures and settings of continual learning as a reader of a report sees them."""

from __future__ import annotations

import math

from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report.words import points, signed

MEASURE_NAMES = {
    "last": "Last",
    "average": "Average",
    "transfer": "Transfer",
    "forgetting": "Forgetting ↓",
    "identification": "Right task",
    "bytes_a_class": "kB a class ↓",
}
"""In the order of a table: what is in %, and bytes last; of those with an arrow small is good."""
SETTING_NOTES = {
    "task-incremental": "The task of each query is told, so its own classes alone are possible.",
    "class-incremental": "The classes of all tasks learned so far are possible; tasks to come are "
    "not asked about.",
    "pooled": "The classes of all tasks are possible, also of those that are not learned yet.",
}


def figure(estimate: Estimate, measure: str) -> str:
    """The value of a measure, as its name announces it."""
    if measure == "bytes_a_class":
        return _kilobytes(estimate)
    return points(estimate).replace("-", "−")  # who has learned more since has forgotten less


def gain(estimate: Estimate, measure: str) -> str:
    """A difference of it."""
    if measure == "bytes_a_class":
        sign = "+" if estimate.mean > 0 else ""
        return (sign + _kilobytes(estimate)).replace("-", "−")
    return signed(estimate)


def _kilobytes(estimate: Estimate) -> str:
    value = estimate.mean / 1000
    if value and math.fabs(value) < 10:
        return f"{value:.1f}"
    return f"{value:,.0f}"
