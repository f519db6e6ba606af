"""`SequenceBench`: the sets, sequences and learners of an evaluation of continual learners."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import lru_cache
from typing import ClassVar, final

import pandas as pd
import torch

from metaadapter.bench.evaluation.bench import Bench
from metaadapter.bench.evaluation.cells import Cell
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.metrics import Tables
from metaadapter.bench.evaluation.tables import draw_table
from metaadapter.bench.sequences.learner_by_name import load_learner
from metaadapter.bench.sequences.measure import measure_sequence
from metaadapter.bench.sequences.sequence import (
    Task,
    TaskRows,
    draw_sequence,
    look_up,
    require_one_encoder,
)
from metaadapter.errors import UsageError


@final
class SequenceBench(Bench):
    """The `Bench` for a configuration with `continual`; it computes on the CPU."""

    intervals: ClassVar[str] = (
        "95 % intervals of Student's t cover the draw of classes and pictures (seeds), not which "
        "tasks there are nor, without shuffle, their order"
    )

    def __init__(self, config: EvaluationConfig, device: torch.device) -> None:
        if device.type != "cpu":
            raise UsageError("continual computes on the CPU only; leave out --device")
        super().__init__(config, device)
        require_one_encoder(list(self.sets.values()))
        self.methods = {name: load_learner(name) for name in config.method_names}

    def draw(self, seed: int) -> list[TaskRows]:
        """Return the sequence of tasks of a seed."""
        return draw_sequence(list(self.sets.values()), self.config, seed)

    def measure(self, cell: Cell) -> Tables:
        """Measure a cell and return its tables."""
        assert self.config.continual is not None
        learner = self.methods[cell.method]
        tasks = _tasks(self, cell.seed, cell.n_shot, learner.sees_joint_alone)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return measure_sequence(learner, tasks, self.config.continual)

    def draws(self) -> pd.DataFrame:
        """Return the pictures of each task; its number is its place in the sequence."""
        drawn = [
            draw_table([(task.data, seed, task.rows, None)]).assign(task=number)
            for seed in range(self.config.seeds)
            for number, task in enumerate(self.draw(seed), start=1)
        ]
        return pd.concat(drawn, ignore_index=True)

    def compared(self, draws: pd.DataFrame) -> pd.DataFrame:
        """Return the draws as one task: a labelled picture must not be a query of another task."""
        return draws.assign(store=self.config.places[0], task=0)


# Two entries: the tasks of a seed with all blocks, and with the joint block only.
@lru_cache(maxsize=2)
def _tasks(bench: SequenceBench, seed: int, n_shot: int, joint_alone: bool) -> list[Task]:
    tasks = [replace(task, rows=task.rows.first(n_shot)) for task in bench.draw(seed)]
    return [look_up(task, joint_alone=joint_alone) for task in tasks]
