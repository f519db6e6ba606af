"""Measures one learner on one sequence of tasks: it answers queries after each learned task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from metaadapter.bench.evaluation.draw_config import Setting
from metaadapter.bench.evaluation.evaluation_set import same_name
from metaadapter.bench.sequences.learner_by_name import NamedLearner
from metaadapter.bench.sequences.learners.learner import Questions
from metaadapter.bench.sequences.sequence import Task
from metaadapter.data.machine_errors import is_shortage
from metaadapter.data.user_code import explain
from metaadapter.errors import DataError, MetaAdapterError, UsageError

COLUMNS = ("after", "task", "n_way", "n_query", "accuracy", "identified", "n_classes", "n_bytes")


def measure_sequence(
    named: NamedLearner, tasks: Sequence[Task], setting: Setting
) -> dict[str, list[Any]]:
    """Return columns with a row for each number of tasks learned and each task with queries.

    - `after`: the number of tasks learned.
    - `task`: the number of the task that the queries are from, counted from 1.
    - `accuracy`: the fraction of queries whose predicted class has the right name. If two tasks
      share a class, the class of either task is correct.
    - `identified`: the fraction whose predicted class is in the right task; None if the task is
      given.
    - `n_classes`: the number of classes learned so far.
    - `n_bytes`: the size of what the learner keeps.
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
    learner = named.fit
    for number, (state, n_learned) in enumerate(_states(named, tasks)):
        n_classes = sum(len(task.classes) for task in tasks[:n_learned])
        n_bytes = learner.n_bytes(state)
        for queried, possible in _queried_tasks(number, len(tasks), setting):
            questions = Questions(
                torch.cat([tasks[i].query_QD for i in queried]),
                {i: tasks[i].support.text_TND[0] for i in possible},
                tasks[0].logit_scale,
            )
            with torch.no_grad():
                scores_QC = learner.answer(state, questions)
            predicted_Q = _predictions(scores_QC, questions, named.name)
            fractions = _score(predicted_Q, tasks, queried, possible)
            for i, (accuracy, identified) in zip(queried, fractions, strict=True):
                task, is_given = tasks[i], setting == "task-incremental"
                yield (
                    *(number + 1, i + 1, len(task.classes), len(task.label_Q), accuracy),
                    *(None if is_given else identified, n_classes, n_bytes),
                )


def _states(named: NamedLearner, tasks: Sequence[Task]) -> Iterator[tuple[Any, int]]:
    """Yield the state after each task, and the number of tasks learned by then."""
    learner, n = named.fit, len(tasks)
    state = learner.start()
    for number, task in enumerate(tasks):
        state = learner.learn(state, task.support, number)
        if not learner.sees_every_task:
            yield state, number + 1
    if learner.sees_every_task:
        yield from [(state, n)] * n


def _queried_tasks(
    number: int, n_tasks: int, setting: Setting
) -> list[tuple[Sequence[int], Sequence[int]]]:
    """Return pairs: tasks whose queries come together, and tasks whose classes are possible."""
    if setting == "task-incremental":
        return [((task,), (task,)) for task in range(n_tasks)]
    among = range(number + 1) if setting == "class-incremental" else range(n_tasks)
    return [(among, among)]


def _predictions(scores_QC: Tensor, questions: Questions, name: str) -> Int[Tensor, " Q"]:
    shape = len(questions.rows_QD), sum(map(len, questions.texts.values()))
    if tuple(scores_QC.shape) != shape:
        raise UsageError(
            f"learner {name!r} must return a score for each picture and class, a tensor of shape "
            f"{shape}, but it returned the shape {tuple(scores_QC.shape)}"
        )
    if (scores_QC.isnan() | scores_QC.isposinf()).any():
        raise DataError(f"{name} gave scores that are not numbers; leave it out of --methods")
    return scores_QC.argmax(-1)


def _score(
    predicted_Q: Int[Tensor, " Q"],
    tasks: Sequence[Task],
    queried: Sequence[int],
    possible: Sequence[int],
) -> list[tuple[float, float]]:
    """Return for each queried task the fraction of correct classes, and of classes in the task."""
    names_C = np.array([same_name(name) for i in possible for name in tasks[i].classes])
    task_C = np.repeat(possible, [len(tasks[i].classes) for i in possible])
    sizes = [len(tasks[i].label_Q) for i in queried]
    fractions = []
    for i, columns in zip(queried, torch.split(predicted_Q.cpu(), sizes), strict=True):
        names_N = np.array([same_name(name) for name in tasks[i].classes])
        is_correct = names_C[columns.numpy()] == names_N[tasks[i].label_Q.numpy()]
        is_of_task = task_C[columns.numpy()] == i
        fractions.append((float(is_correct.mean()), float(is_of_task.mean())))
    return fractions
