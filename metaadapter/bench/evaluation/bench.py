"""The interface between `evaluate` and the two kinds of draws: tasks, and sequences of tasks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pandas as pd
import torch

from metaadapter.bench.evaluation.cell import Cell, CellResult, Tables
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.evaluation_set import EvaluationSet
from metaadapter.bench.evaluation.method import Measured
from metaadapter.bench.evaluation.store_sets import load_sets
from metaadapter.bench.evaluation.summary import Ranks


@dataclass(frozen=True, slots=True)
class Summary:
    """The tables and figures of all cells of an evaluation."""

    draws: pd.DataFrame
    """The pictures of each task, as `draw_table` returns them."""
    compared: pd.DataFrame
    """`draws` for the check that no picture is in a support and also in queries: pictures that must
    not be on both sides have the same store, seed and task."""
    tables: dict[str, pd.DataFrame]
    means: pd.DataFrame
    differences: pd.DataFrame
    """The figures of each method minus the reference, draw by draw, in the columns of `means`."""
    ranks: dict[str, Ranks] = field(default_factory=dict)


class Bench(ABC):
    """The sets and methods of one configuration; each worker process makes its own."""

    summary_schema: ClassVar[str]
    packages: ClassVar[Sequence[str]]
    intervals: ClassVar[str]
    methods: Mapping[str, Measured]
    """The methods or learners by name."""

    def __init__(self, config: EvaluationConfig, device: torch.device) -> None:
        self.config, self.device = config, device
        self.sets = {data.name: data for data in load_sets(config)}
        self.far_sets: dict[str, EvaluationSet] = {}
        """Name of a set → the pictures that its far strangers are drawn from."""

    @property
    @abstractmethod
    def identity(self) -> str:
        """A text that changes with the code that draws and measures, but not with a method."""

    @abstractmethod
    def measure(self, cell: Cell) -> Tables:
        """Measure a cell and return its tables."""

    @abstractmethod
    def summarise(self, results: Sequence[CellResult]) -> Summary:
        """Return tables, means and differences from the results of all cells."""
