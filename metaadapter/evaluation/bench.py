"""Sets, draws and methods of an evaluation, each loaded once in a process, and cells measured."""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import product

import torch

from episodes import EpisodeRows
from metaadapter.baselines import MetaPeer
from metaadapter.evaluation.config import Cell, EvaluationConfig
from metaadapter.evaluation.draws import draw_tasks
from metaadapter.evaluation.evaluation_set import EvaluationSet, load_sets
from metaadapter.evaluation.journal import CellResult
from metaadapter.evaluation.label_guard import LabelsRead
from metaadapter.evaluation.measure import measure
from metaadapter.evaluation.methods import Method, load_method
from metaadapter.evaluation.part_result import PartResult

__all__ = ["Bench"]


class Bench:
    """Where cells are measured.

    Args:
        config: The evaluation.
        device: Where to calculate.

    Raises:
        UsageError: There is no such method, or it has weights for another encoder than a set's.
    """

    def __init__(self, config: EvaluationConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self.sets = {of.name: of for of in load_sets(config)}
        self.methods = {name: load_method(name) for name in config.method_names}
        for method, of in product(self.methods.values(), self.sets.values()):
            if isinstance(method.fit, MetaPeer):
                method.fit.require_encoder(of.encoder, owner=f"the store {of.name}")
        self._on_device: EvaluationSet | None = None
        self._draw: tuple[tuple[str, int], EpisodeRows] | None = None
        self._warm: set[str] = set()

    def draw(self, store: str, seed: int) -> EpisodeRows:
        """The tasks of a set and seed, with the most shots; the last ones are remembered."""
        if self._draw is None or self._draw[0] != (store, seed):
            rows = draw_tasks(self.sets[store], self.config, seed)
            self._draw = (store, seed), rows
        return self._draw[1]

    def measure(self, cell: Cell) -> CellResult:
        """The figures of a cell; without any, and with its fault, if the method broke the rules."""
        method, rows = self.methods[cell.method], self.draw(cell.store, cell.seed)
        try:
            with warnings.catch_warnings():
                # One from a peer's library would come again with each of a thousand cells.
                warnings.simplefilter("ignore")
                return CellResult(cell, self._measure_warm(method, cell, rows))
        except LabelsRead as fault:
            return CellResult(cell, {}, str(fault))

    def _measure_warm(self, method: Method, cell: Cell, rows: EpisodeRows) -> dict[str, PartResult]:
        if cell.method not in self._warm:
            # What a first call imports and sets up is no cost of the method.
            self._measure(method, cell.store, next(rows.first(1).split(1)))
            self._warm.add(cell.method)
        return self._measure(method, cell.store, rows.first(cell.n_shot))

    def _measure(self, method: Method, store: str, rows: EpisodeRows) -> dict[str, PartResult]:
        return measure(method, self._placed(store), rows, base_to_new=self.config.base_to_new)

    def _placed(self, store: str) -> EvaluationSet:
        """The set on the device, where there is room for one."""
        if self.device.type == "cpu":
            return self.sets[store]
        if self._on_device is None or self._on_device.name != store:
            of = self.sets[store]
            self._on_device = replace(of, source=of.source.to(self.device))
        return self._on_device
