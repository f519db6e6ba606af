"""The interface between `evaluate` and the two kinds of draws: tasks, and sequences of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

import pandas as pd
import torch

from metaadapter.bench.evaluation.cell import Cell, CellResult, Tables
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.evaluation_set import EvaluationSet
from metaadapter.bench.evaluation.method import MetaTraining
from metaadapter.bench.evaluation.summary import Ranks
from metaadapter.data.opened_files import OpenedFiles


@runtime_checkable
class Measured(Protocol):
    """A method or learner, with the record of the data that it was made from."""

    @property
    def name(self) -> str:
        """The name that selects it in `--methods`."""

    @property
    def identity(self) -> str:
        """A text that changes when the answers may change."""

    @property
    def meta_training(self) -> MetaTraining | None:
        """The record of its meta-training; None without a record."""

    @property
    def files(self) -> OpenedFiles | None:
        """The files that it opened so far, for code of the user; None for others."""


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


@runtime_checkable
class Bench(Protocol):
    """The sets and methods of one configuration; each worker process makes its own."""

    summary_schema: ClassVar[str]
    packages: ClassVar[Sequence[str]]
    intervals: ClassVar[str]
    config: EvaluationConfig
    device: torch.device
    sets: dict[str, EvaluationSet]
    far_sets: dict[str, EvaluationSet]
    """Name of a set → the pictures that its far strangers are drawn from."""

    @property
    def identity(self) -> str:
        """A text that changes with the code that draws and measures, but not with a method."""

    @property
    def methods(self) -> Mapping[str, Measured]:
        """The methods or learners by name."""

    def measure(self, cell: Cell) -> Tables:
        """Measure a cell and return its tables."""

    def summarise(self, results: Sequence[CellResult]) -> Summary:
        """Return tables, means and differences from the results of all cells."""
