"""Sets, draws and methods of an evaluation, each loaded once in a process, and cells measured."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from functools import lru_cache, partial
from itertools import product
from pathlib import Path

import numpy as np
import torch

from episodes import EpisodeRows
from metaadapter.baselines import MetaPeer
from metaadapter.code_identity import code_identity
from metaadapter.errors import UsageError
from metaadapter.evaluation.config import Cell, EvaluationConfig
from metaadapter.evaluation.draws import draw_tasks
from metaadapter.evaluation.measure import Metric, measure
from metaadapter.evaluation.methods import load_method
from metaadapter.evaluation.metrics import Tables
from metaadapter.evaluation.store_sets import load_sets
from metaadapter.evaluation.tables import TASK_COLUMNS
from metaadapter.own_code import explain, is_own_code, load_own_code

__all__ = ["Bench", "load_metrics"]

_last_draw = lru_cache(maxsize=1)(draw_tasks)


class Bench:
    """Where cells are measured.

    Args:
        config: The evaluation.
        device: Where to calculate.

    Raises:
        UsageError: There is no such method or metric, or a method has weights for another encoder
            than a set's.
    """

    def __init__(self, config: EvaluationConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self.sets = {each.name: each for each in load_sets(config)}
        self.methods = {name: load_method(name) for name in config.method_names}
        self.metrics = load_metrics(config.metrics)
        for method, data in product(self.methods.values(), self.sets.values()):
            if isinstance(method.fit, MetaPeer):
                method.fit.require_encoder(data.encoder, owner=f"the store {data.name}")
        self._warm: set[str] = set()
        self._measure = partial(
            measure, base_to_new=config.base_to_new, metrics=self.metrics, device=device
        )

    @property
    def identity(self) -> str:
        """Changes with the program that draws, fits, answers and scores, whatever the method."""
        files = (Path(name.rpartition(":")[0]) for name in self.config.metrics)
        return code_identity(draw_tasks, measure, *files)

    def draw(self, store: str, seed: int) -> EpisodeRows:
        """The tasks of a set and seed, with the most shots; the last ones are remembered."""
        return _last_draw(self.sets[store], self.config, seed)

    def measure(self, cell: Cell) -> Tables:
        """The rows of a cell."""
        method, data = self.methods[cell.method], self.sets[cell.store]
        rows = self.draw(cell.store, cell.seed)
        with warnings.catch_warnings():
            # One from a peer's library would come again with each of a thousand cells.
            warnings.simplefilter("ignore")
            if cell.method not in self._warm:
                # What a first call imports and sets up is no cost of the method.
                self._measure(method, data, next(rows.first(1).split(1)))
                self._warm.add(cell.method)
            return self._measure(method, data, rows.first(cell.n_shot))


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
