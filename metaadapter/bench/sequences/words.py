"""Measures and settings of continual learning in the words of a report."""

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
"""The columns of a table: measures in %, and bytes last. With an arrow, smaller is better."""
SETTING_NOTES = {
    "task-incremental": "The task of each query is given, so only its own classes are possible.",
    "class-incremental": "The classes of all tasks learned so far are possible; there are no "
    "queries of later tasks.",
    "pooled": "The classes of all tasks are possible, even of those that are not learned yet.",
}


def figure(estimate: Estimate, measure: str) -> str:
    """The value of a measure, in the unit of its name."""
    if measure == "bytes_a_class":
        return _kilobytes(estimate)
    return points(estimate).replace("-", "−")  # forgetting is negative after an improvement


def gain(estimate: Estimate, measure: str) -> str:
    """A difference of two values of a measure."""
    if measure == "bytes_a_class":
        sign = "+" if estimate.mean > 0 else ""
        return (sign + _kilobytes(estimate)).replace("-", "−")
    return signed(estimate)


def _kilobytes(estimate: Estimate) -> str:
    value = estimate.mean / 1000
    if value and math.fabs(value) < 10:
        return f"{value:.1f}"
    return f"{value:,.0f}"
