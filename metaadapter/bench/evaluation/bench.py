"""`Bench`, a kind of draws that `evaluate` measures, and `TaskBench`, of independent tasks."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from itertools import product
from pathlib import Path
from typing import Any, ClassVar, final

import pandas as pd
import torch

from episodes import EpisodeRows
from metaadapter.bench.evaluation.cells import Cell, CellResult
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.draws import classes_left_out, draw_tasks
from metaadapter.bench.evaluation.measure import measure
from metaadapter.bench.evaluation.methods.method import Measured, Method, files_of
from metaadapter.bench.evaluation.methods.method_by_name import load_method
from metaadapter.bench.evaluation.methods.method_names import distinct_methods
from metaadapter.bench.evaluation.metrics import Tables
from metaadapter.bench.evaluation.sets.evaluation_set import (
    EvaluationSet,
    encoder_of_set,
    noun_features,
)
from metaadapter.bench.evaluation.sets.made_names import require_names_fit
from metaadapter.bench.evaluation.sets.store_sets import far_set, load_sets
from metaadapter.bench.evaluation.strangers import FarStrangers, draw_far
from metaadapter.bench.evaluation.summary import (
    differences,
    means,
    rank_methods,
    with_class_intervals,
)
from metaadapter.bench.evaluation.tables import all_tables, draw_table, gathered, table
from metaadapter.bench.evaluation.task_figures import figures_of_tree, load_metrics
from metaadapter.bench.peers.meta_trained import MetaPeer
from metaadapter.files.checksums import file_hash
from metaadapter.files.code_identity import code_identity

_last_draw, _last_far = lru_cache(maxsize=1)(draw_tasks), lru_cache(maxsize=1)(draw_far)


@dataclass(frozen=True, slots=True)
class Summary:
    """The tables and figures of all cells of an evaluation."""

    draws: pd.DataFrame
    compared: pd.DataFrame
    """The draws as `Bench.compared` returns them."""
    tables: Mapping[str, pd.DataFrame]
    """Name of a file → table; the first one has a row for each result."""
    figures: Mapping[str, Any]
    """Name in the JSON of the evaluation → a table, or a value of JSON."""


class Bench(ABC):
    """The sets and methods of one configuration; each worker process makes its own."""

    intervals: ClassVar[str]
    methods: Mapping[str, Measured]
    """The methods or learners by name."""

    def __init__(self, config: EvaluationConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self.sets = {data.name: data for data in load_sets(config)}
        self.far_sets: dict[str, EvaluationSet] = {}
        """Name of a set → the pictures that its far strangers are drawn from."""

    def facts(self, data: EvaluationSet) -> dict[str, Any]:
        """Return what a report shows of a set."""
        return data.to_dict() | {"left_out": classes_left_out(data, self.config)}

    @property
    def identity(self) -> str:
        """A text that changes with the code of the project, and with metrics and label tree."""
        files = (Path(name.rpartition(":")[0]) for name in self.config.metrics)
        code, tree = code_identity(Bench, *files), self.config.tree
        return code if tree is None else f"{code} {file_hash(Path(tree))}"

    @abstractmethod
    def measure(self, cell: Cell) -> Tables:
        """Measure a cell and return its tables."""

    @abstractmethod
    def draws(self) -> pd.DataFrame:
        """Return the pictures of each task, as `draw_table` does."""

    def compared(self, draws: pd.DataFrame) -> pd.DataFrame:
        """Return the draws for the check that no picture is in a support and also in queries.

        Pictures that must not be on both sides have the same store, seed and task.
        """
        return draws

    def tables(self, results: Sequence[CellResult]) -> dict[str, pd.DataFrame]:
        """Return name → table; `rows` has the figures of each task."""
        first = results[0].tables
        return {name: table(gathered(results, name)) for name in first}

    @final
    def summarise(self, results: Sequence[CellResult]) -> Summary:
        """Return tables and figures from the results of all cells."""
        draws, tables = self.draws(), self.tables(results)
        rows, reference = tables["rows"], self.config.reference_name
        figures, less = means(rows), differences(rows, reference)
        if "classes" in tables:
            less = with_class_intervals(less, tables["classes"], reference)
        distinct = distinct_methods(self.config.method_names, reference)
        ranks = rank_methods(figures, distinct)
        summary = {"means": figures, "differences": less, "ranks": ranks and asdict(ranks)}
        return Summary(draws, self.compared(draws), tables, summary)


@final
class TaskBench(Bench):
    """The `Bench` for a configuration without `continual`."""

    intervals: ClassVar[str] = (
        "95 % intervals of Student's t over draws cover the draw of pictures (seeds and tasks); "
        "draws share classes, so they do not tell what other classes would show. Those over "
        "classes do. Neither covers the choice of data sets"
    )

    methods: Mapping[str, Method]

    def __init__(self, config: EvaluationConfig, device: torch.device) -> None:
        super().__init__(config, device)
        if config.strangers:
            self.far_sets = {name: far_set(data, config) for name, data in self.sets.items()}
        self.methods = {name: load_method(name) for name in config.method_names}
        for method, data in product(self.methods.values(), self.sets.values()):
            require_names_fit(method, data)
            if isinstance(method.fit, MetaPeer):
                method.fit.require_encoder(data.encoder, owner=f"the store {data.name}")
            if method.reads_words:
                noun_features(data)
            if method.fit_pictures:
                files_of(method.name, data, torch.arange(len(data.labels_n)))
                encoder_of_set(data, method.name)
        own = load_metrics(config.metrics)
        self._figures = {
            name: [*own, *figures_of_tree(config.tree, data.classes)]
            for name, data in self.sets.items()
        }
        self._warm: set[str] = set()
        self._measure = partial(measure, device=device)

    def draw(self, store: str, seed: int) -> EpisodeRows:
        """Return the tasks of a set and seed, with the most shots; the last result is cached."""
        return _last_draw(self.sets[store], self.config, seed)

    def draw_far(self, store: str, seed: int) -> FarStrangers | None:
        """Return the far strangers among the queries of these tasks; None if there are none."""
        if store not in self.far_sets:
            return None
        return _last_far(self.far_sets[store], self.draw(store, seed), seed)

    def measure(self, cell: Cell) -> Tables:
        """Measure a cell and return its tables."""
        method, data = self.methods[cell.method], self.sets[cell.store]
        rows, far = self.draw(cell.store, cell.seed), self.draw_far(cell.store, cell.seed)
        with warnings.catch_warnings():
            # A warning from a library that a peer uses would repeat for each of a thousand cells.
            warnings.simplefilter("ignore")
            # The first call imports modules, which is not part of the method's cost. For a tower,
            # which trains for minutes, this time does not matter.
            if cell.method not in self._warm and not method.fit_pictures:
                first_far = next(far.split(1)) if far else None
                self._measure(method, data, next(rows.first(1).split(1)), far=first_far)
                self._warm.add(cell.method)
            figures = self._figures[cell.store]
            return self._measure(method, data, rows.first(cell.n_shot), far=far, figures=figures)

    def draws(self) -> pd.DataFrame:
        """Return the pictures of each task."""
        return draw_table(
            (data, seed, self.draw(name, seed), self.draw_far(name, seed))
            for name, data in self.sets.items()
            for seed in range(self.config.seeds)
        )

    def tables(self, results: Sequence[CellResult]) -> dict[str, pd.DataFrame]:
        """Return the tables of `all_tables`."""
        return all_tables(results, self.sets)
