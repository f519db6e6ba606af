"""Draws a sequence of tasks from sets by a seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from torch import Tensor

from episodes import EpisodeRows
from metaadapter.adapter.support import Support
from metaadapter.bench.evaluation.draw_config import DrawConfig
from metaadapter.bench.evaluation.draws import draw_tasks
from metaadapter.bench.evaluation.sets.evaluation_set import EvaluationSet
from metaadapter.errors import DataError, IncompatibleArtifact


@dataclass(frozen=True, slots=True, eq=False)
class TaskRows:
    """A task of a sequence as numbers of pictures; it has all classes of a set, or some."""

    data: EvaluationSet
    rows: EpisodeRows
    """The pictures of this one task, with the most shots."""
    name: str
    """The name of the set; if its classes are divided, with the number of the part."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the ways."""
        return tuple(self.data.classes[number] for number in self.rows.classes_TN[0].tolist())


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A task of a sequence, with its features."""

    name: str
    classes: tuple[str, ...]
    support: Support
    query_QD: Float[Tensor, "Q D"]
    label_Q: Int[Tensor, " Q"]
    """The way of each query."""
    logit_scale: float


def draw_sequence(sets: Sequence[EvaluationSet], config: DrawConfig, seed: int) -> list[TaskRows]:
    """Draw the tasks of a seed: each set gives `splits` tasks, with parts of its classes.

    The seed draws the order of the classes in a set and of their pictures, and with `shuffle` the
    order of the tasks, which otherwise is that of the sets.
    """
    tasks = [
        TaskRows(data, rows, data.name if config.splits == 1 else f"{data.name} {part}")
        for data in sets
        for part, rows in enumerate(_parts(draw_tasks(data, config, seed), config.splits, data), 1)
    ]
    if config.shuffle:
        order = np.random.default_rng([seed, len(tasks)]).permutation(len(tasks))
        tasks = [tasks[number] for number in order]
    return tasks


def look_up(task: TaskRows, *, joint_alone: bool) -> Task:
    """Return a task with its features; with `joint_alone`, only their joint block."""
    data, rows = task.data.joint if joint_alone else task.data, task.rows
    is_query_NQ = rows.query_TNQ[0] >= 0
    return Task(
        task.name,
        task.classes,
        data.support(rows),
        data.look_up(rows.query_TNQ[0][is_query_NQ]),
        is_query_NQ.nonzero()[:, 0],
        data.logit_scale,
    )


def require_one_encoder(sets: Sequence[EvaluationSet]) -> None:
    """Raise unless the features and texts of all sets are from one encoder."""
    first, *others = sets
    for data in others:
        if data.fingerprint != first.fingerprint:
            raise IncompatibleArtifact(
                f"a sequence of tasks needs features of one encoder, but {first.name} is from "
                f"{first.fingerprint} and {data.name} from {data.fingerprint}; encode one of them "
                "again"
            )


def _parts(rows: EpisodeRows, n_parts: int, data: EvaluationSet) -> Iterator[EpisodeRows]:
    n_way = rows.classes_TN.shape[1]
    if n_way < 2 * n_parts:
        raise DataError(
            f"the set {data.name}: expected two classes or more in each of {n_parts} parts, but "
            f"only {n_way} have enough pictures; ask for fewer splits or --shots"
        )
    ends = [round(n_way * part / n_parts) for part in range(n_parts + 1)]
    for first, end in pairwise(ends):
        yield replace(
            rows,
            classes_TN=rows.classes_TN[:, first:end],
            support_TNK=rows.support_TNK[:, first:end],
            twin_TNK=rows.twin_TNK[:, first:end],
            query_TNQ=rows.query_TNQ[:, first:end],
        )
