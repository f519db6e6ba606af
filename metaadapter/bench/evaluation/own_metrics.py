"""The user's own metrics, loaded from FILE.py:FUNCTION."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from metaadapter.bench.evaluation.measure import Metric
from metaadapter.bench.evaluation.tables import TASK_COLUMNS
from metaadapter.data.user_code import explain, is_user_code, load_user_code
from metaadapter.errors import UsageError


def load_metrics(names: Iterable[str]) -> dict[str, Metric]:
    """Return name of a function → its metric; the name is that of a column in the table of rows."""
    metrics: dict[str, Metric] = {}
    for name in names:
        if not is_user_code(name):
            raise UsageError(f"metric {name!r}: expected FILE.py:FUNCTION")
        function = load_user_code(name, kind="metric")
        column = name.rpartition(":")[2]
        if not callable(function):
            raise UsageError(
                f"metric {name!r} must be a function of probabilities and classes, not {function!r}"
            )
        if column in metrics or column in TASK_COLUMNS:
            raise UsageError(f"another metric or column is called {column!r}; rename the function")
        metrics[column] = _checked(name, function)
    return metrics


def _checked(name: str, function: Metric) -> Metric:
    """Return the metric with errors that name it."""

    def metric(probabilities: np.ndarray, labels: np.ndarray) -> float:
        try:
            figure = float(function(probabilities, labels))
            if math.isinf(figure):
                raise ValueError(f"it returned {figure}; return a number, or NaN if undefined")
            return figure
        except Exception as error:
            n, n_way = probabilities.shape
            raise UsageError(
                f"metric {name!r} failed on {n} queries of {n_way} classes: {explain(error)}"
            ) from error

    return metric
