"""One learner through one sequence of tasks: learn, ask, learn, ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from metaadapter.bench.evaluation.evaluation_set import same_name
from metaadapter.bench.sequences.learners.questions import Questions
from metaadapter.bench.sequences.named_learner import NamedLearner
from metaadapter.bench.sequences.sequence import Task
from metaadapter.bench.sequences.setting import Setting
from metaadapter.data.machine_errors import is_shortage
from metaadapter.data.user_code import explain
from metaadapter.errors import DataError, MetaAdapterError, UsageError

COLUMNS = ("after", "task", "n_way", "n_query", "accuracy", "identified", "n_classes", "n_bytes")


def measure_sequence(
    named: NamedLearner, tasks: Sequence[Task], setting: Setting
) -> dict[str, list[Any]]:
    """Columns with a row for each number of tasks learned and each task asked about.

    `after` is the number of tasks learned, `task` that of the task asked about, from 1. `accuracy`
    is the fraction of its queries with the right class by name: of two tasks that share a class,
    either will do. `identified` is the fraction whose predicted class is one of the task's own;
    None where the task is told. `n_classes` are learned so far, and `n_bytes` is what is kept.

    Raises:
        UsageError: A learner of one's own failed.
        DataError: Its answers are not numbers.
    """
    try:
        rows = list(_rows(named, tasks, setting))
    except Exception as error:
        if isinstance(error, MetaAdapterError) or is_shortage(error):
            raise
        raise UsageError(f"learner {named.name!r} failed: {explain(error)}") from error
    return {
        name: list(values) for name, values in zip(COLUMNS, zip(*rows, strict=True), strict=True)
    }


def _rows(
    named: NamedLearner, tasks: Sequence[Task], setting: Setting
) -> Iterator[tuple[Any, ...]]:
    """Values of the columns."""
    n, learner = len(tasks), named.learner
    for number, (state, n_learned) in enumerate(_states(named, tasks)):
        n_classes = sum(len(task.classes) for task in tasks[:n_learned])
        n_bytes = learner.n_bytes(state)
        for asked, possible in _questions(number, n, setting):
            questions = Questions(
                torch.cat([tasks[each].query_QD for each in asked]),
                {each: tasks[each].support.text_TND[0] for each in possible},
                tasks[0].logit_scale,
            )
            with torch.no_grad():
                scores_QC = learner.answer(state, questions)
            predicted_Q = _predictions(scores_QC, questions, named.name)
            for each, (accuracy, identified) in zip(
                asked, _judge(predicted_Q, tasks, asked, possible), strict=True
            ):
                told, task = setting == "task-incremental", tasks[each]
                yield (
                    *(number + 1, each + 1, len(task.classes), len(task.label_Q), accuracy),
                    *(None if told else identified, n_classes, n_bytes),
                )


def _states(named: NamedLearner, tasks: Sequence[Task]) -> Iterator[tuple[Any, int]]:
    """The state when each task is learned, and how many it has seen by then."""
    learner, n = named.learner, len(tasks)
    state = learner.start()
    for number, task in enumerate(tasks):
        state = learner.learn(state, task.support, number)
        if not learner.sees_every_task:
            yield state, number + 1
    if learner.sees_every_task:
        yield from [(state, n)] * n


def _questions(
    number: int, n_tasks: int, setting: Setting
) -> list[tuple[Sequence[int], Sequence[int]]]:
    """Tasks that are asked about together, and those whose classes are possible, after a task."""
    if setting == "task-incremental":
        return [((task,), (task,)) for task in range(n_tasks)]
    among = range(number + 1) if setting == "class-incremental" else range(n_tasks)
    return [(among, among)]


def _predictions(scores_QC: Tensor, questions: Questions, name: str) -> Int[Tensor, " Q"]:
    shape = len(questions.rows_QD), sum(map(len, questions.texts.values()))
    if tuple(scores_QC.shape) != shape:
        raise UsageError(
            f"learner {name!r} must answer with a score a picture and class, in shape {shape}, got "
            f"{tuple(scores_QC.shape)}"
        )
    if (scores_QC.isnan() | scores_QC.isposinf()).any():
        raise DataError(f"{name} gave answers that are not numbers; leave it out of --methods")
    return scores_QC.argmax(-1)


def _judge(
    predicted_Q: Int[Tensor, " Q"],
    tasks: Sequence[Task],
    asked: Sequence[int],
    possible: Sequence[int],
) -> list[tuple[float, float]]:
    """Fractions of the queries of each task with the right class, and with one of its own."""
    names_C = np.array([same_name(name) for task in possible for name in tasks[task].classes])
    task_C = np.repeat(possible, [len(tasks[task].classes) for task in possible])
    found = []
    sizes = [len(tasks[task].label_Q) for task in asked]
    for task, columns in zip(asked, torch.split(predicted_Q.cpu(), sizes), strict=True):
        own = np.array([same_name(name) for name in tasks[task].classes])
        is_right = names_C[columns.numpy()] == own[tasks[task].label_Q.numpy()]
        is_of_task = task_C[columns.numpy()] == task
        found.append((float(is_right.mean()), float(is_of_task.mean())))
    return found
