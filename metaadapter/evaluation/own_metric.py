"""A metric of one's own: a function of probabilities and classes in a Python file."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from metaadapter.errors import UsageError
from metaadapter.evaluation.measure import Metric
from metaadapter.evaluation.tables import TASK_COLUMNS
from metaadapter.own_code import explain, is_own_code, load_own_code

__all__ = ["load_metrics"]


def load_metrics(names: Iterable[str]) -> dict[str, Metric]:
    """The functions that FILE.py:FUNCTION names, each by the name of the function.

    A function takes the probabilities (n, N) of a task's n queries and their classes (n,), numbered
    from 0 to N − 1, and returns a number.

    Raises:
        UsageError: There is no such file or function, or two of them have one name.
    """
    found: dict[str, Metric] = {}
    for name in names:
        if not is_own_code(name):
            raise UsageError(f"metric {name!r}: expected FILE.py:FUNCTION")
        function = load_own_code(name, kind="metric")
        column = name.rpartition(":")[2]
        if not callable(function):
            raise UsageError(
                f"metric {name!r} must be a function of probabilities and classes, got {function!r}"
            )
        if column in found or column in TASK_COLUMNS:
            raise UsageError(f"another metric or column is called {column!r}; rename the function")
        found[column] = _checked(name, function)
    return found


def _checked(name: str, function: Metric) -> Metric:
    """The function, its faults told as its own."""

    def metric(probabilities: np.ndarray, labels: np.ndarray) -> float:
        try:
            return float(function(probabilities, labels))
        except Exception as error:
            n, n_way = probabilities.shape
            raise UsageError(
                f"metric {name!r} failed on {n} queries of {n_way} classes: {explain(error)}"
            ) from error

    return metric
