"""Where the cells of a continual evaluation are measured."""

from __future__ import annotations

import warnings
from functools import lru_cache

import torch

from metaadapter.bench.evaluation.config import Cell, EvaluationConfig
from metaadapter.bench.evaluation.metrics import Tables
from metaadapter.bench.evaluation.store_sets import load_sets
from metaadapter.bench.sequences.learner_names import load_learner
from metaadapter.bench.sequences.measure import measure_sequence
from metaadapter.bench.sequences.sequence import (
    Place,
    Task,
    draw_sequence,
    look_up,
    require_one_encoder,
)
from metaadapter.data.code_identity import code_identity
from metaadapter.errors import UsageError


class ContinualBench:
    """Sets, sequences and learners of an evaluation, each loaded once in a process.

    Raises:
        UsageError: There is no such learner, or the evaluation is of another kind.
        IncompatibleArtifact: The sets are of different encoders.
    """

    def __init__(self, config: EvaluationConfig, device: torch.device) -> None:
        if device.type != "cpu":
            raise UsageError("--continual calculates on the CPU: leave out --device")
        self.config, self.device = config, device
        self.sets = {each.name: each for each in load_sets(config)}
        require_one_encoder(list(self.sets.values()))
        self.learners = {name: load_learner(name) for name in config.method_names}

    @property
    def identity(self) -> str:
        """Changes with the program that draws, asks and judges, whatever the learner."""
        return code_identity(draw_sequence, measure_sequence)

    def draw(self, seed: int) -> list[Place]:
        """The sequence of a seed."""
        return draw_sequence(list(self.sets.values()), self.config, seed)

    def measure(self, cell: Cell) -> Tables:
        """The rows of a cell."""
        assert self.config.continual is not None
        named = self.learners[cell.method]
        tasks = _tasks(self, cell.seed, named.sees_joint_alone)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            few = [task.first(cell.n_shot) for task in tasks]
            return {"rows": measure_sequence(named, few, self.config.continual)}


# The draws of a seed, with all blocks and with the joint one alone.
@lru_cache(maxsize=2)
def _tasks(bench: ContinualBench, seed: int, joint_alone: bool) -> list[Task]:
    return [look_up(place, joint_alone=joint_alone) for place in bench.draw(seed)]
