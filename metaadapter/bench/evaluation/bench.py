"""The interface between the driver of an evaluation and the kinds of draws that it measures."""

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


@runtime_checkable
class Measured(Protocol):
    """A method or learner, with the record of what it was made from."""

    @property
    def name(self) -> str:
        """The name that `--methods` gives it."""

    @property
    def identity(self) -> str:
        """Changes when its answers may change."""

    @property
    def meta_training(self) -> MetaTraining | None:
        """The record of its meta-training; None where there is none."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The tables and figures of all cells of an evaluation."""

    draws: pd.DataFrame
    """The pictures of each task, as `draw_table` has them."""
    compared: pd.DataFrame
    """The same with those pictures in one task that must not be in its support and queries."""
    tables: dict[str, pd.DataFrame]
    means: pd.DataFrame
    differences: pd.DataFrame
    """Each method less the reference, draw by draw, in the same columns."""
    ranks: dict[str, Ranks] = field(default_factory=dict)


@runtime_checkable
class Bench(Protocol):
    """Sets and methods of one configuration, made anew in each worker process."""

    summary_schema: ClassVar[str]
    packages: ClassVar[Sequence[str]]
    intervals: ClassVar[str]
    config: EvaluationConfig
    device: torch.device
    sets: dict[str, EvaluationSet]
    far_sets: dict[str, EvaluationSet]
    """Name of a set → the pictures of its far strangers."""

    @property
    def identity(self) -> str:
        """Changes with the program that draws and measures, whatever the method."""

    @property
    def methods(self) -> Mapping[str, Measured]:
        """The methods or learners by name."""

    def measure(self, cell: Cell) -> Tables:
        """The tables of a cell."""

    def summarise(self, results: Sequence[CellResult]) -> Summary:
        """Tables, means and differences of the results of all cells."""
