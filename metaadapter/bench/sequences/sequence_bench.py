"""`SequenceBench`: the sets, sequences and learners of an evaluation of continual learners."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import ClassVar, final

import pandas as pd
import torch

from metaadapter.bench.evaluation.bench import Bench, Summary
from metaadapter.bench.evaluation.cells import Cell, CellResult
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.metrics import Tables
from metaadapter.bench.evaluation.summary import differences, means
from metaadapter.bench.evaluation.tables import draw_table, gathered, table
from metaadapter.bench.sequences.figures import DRAW, by_measure, draw_figures
from metaadapter.bench.sequences.learner_by_name import load_learner
from metaadapter.bench.sequences.measure import COLUMNS, measure_sequence
from metaadapter.bench.sequences.sequence import (
    Task,
    TaskRows,
    draw_sequence,
    look_up,
    require_one_encoder,
)
from metaadapter.data.code_identity import code_identity
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

    @property
    def identity(self) -> str:
        """A text that changes with the code that draws and scores, but not with a learner."""
        return code_identity(draw_sequence, measure_sequence)

    def draw(self, seed: int) -> list[TaskRows]:
        """Return the sequence of tasks of a seed."""
        return draw_sequence(list(self.sets.values()), self.config, seed)

    def measure(self, cell: Cell) -> Tables:
        """Measure a cell and return its rows."""
        assert self.config.continual is not None
        learner = self.methods[cell.method]
        tasks = _tasks(self, cell.seed, cell.n_shot, learner.sees_joint_alone)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return {"rows": measure_sequence(learner, tasks, self.config.continual)}

    def summarise(self, results: Sequence[CellResult]) -> Summary:
        """Return tables and figures from the results of all cells."""
        sequences = {seed: self.draw(seed) for seed in range(self.config.seeds)}
        draws = pd.concat(
            [
                draw_table([(task.data, seed, task.rows, None)]).assign(task=number)
                for seed, tasks in sequences.items()
                for number, task in enumerate(tasks, start=1)
            ],
            ignore_index=True,
        )
        names = {seed: [task.name for task in tasks] for seed, tasks in sequences.items()}
        columns = gathered(results, "rows")
        # The name of each task: its store, perhaps with the number of a part.
        columns["store"] = [
            names[seed][number - 1]
            for seed, number in zip(columns["seed"], columns["task"], strict=True)
        ]
        rows = table({name: columns[name] for name in (*DRAW, "store", *COLUMNS)})
        figures = draw_figures(rows)
        return Summary(
            draws=draws,
            # A picture in the support of one task must not be a query of another task.
            compared=draws.assign(store=self.config.cells()[0].store, task=0),
            tables={"rows": rows},
            figures={
                "figures": by_measure(means(figures)),
                "differences": by_measure(differences(figures, self.config.reference_name)),
            },
        )


# Two entries: the tasks of a seed with all blocks, and with the joint block only.
@lru_cache(maxsize=2)
def _tasks(bench: SequenceBench, seed: int, n_shot: int, joint_alone: bool) -> list[Task]:
    tasks = [replace(task, rows=task.rows.first(n_shot)) for task in bench.draw(seed)]
    return [look_up(task, joint_alone=joint_alone) for task in tasks]
