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
from metaadapter.bench.evaluation.method import Measured
from metaadapter.bench.sequences.learners.learner import Questions
from metaadapter.bench.sequences.sequence import Task
from metaadapter.data.machine_errors import is_shortage
from metaadapter.data.user_code import explain
from metaadapter.errors import DataError, MetaAdapterError, UsageError

COLUMNS = ("after", "task", "n_way", "n_query", "accuracy", "identified", "n_classes", "n_bytes")


def measure_sequence(
    named: Measured, tasks: Sequence[Task], setting: Setting
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
    return {name: [row[name] for row in rows] for name in COLUMNS}


def _rows(named: Measured, tasks: Sequence[Task], setting: Setting) -> Iterator[dict[str, Any]]:
    for after, (state, n_learned) in enumerate(_states(named, tasks), start=1):
        learned = {
            "n_classes": sum(len(task.classes) for task in tasks[:n_learned]),
            "n_bytes": named.fit.n_bytes(state),
        }
        for among in _asked_together(after, len(tasks), setting):
            predicted_Q = _predicted(named, state, [tasks[i] for i in among], among)
            sizes = [len(tasks[i].label_Q) for i in among]
            names_C = np.array([same_name(name) for i in among for name in tasks[i].classes])
            task_C = np.repeat(among, [len(tasks[i].classes) for i in among])
            for i, columns in zip(among, torch.split(predicted_Q, sizes), strict=True):
                task, predicted = tasks[i], columns.numpy()
                own_Q = np.array(list(map(same_name, task.classes)))[task.label_Q.numpy()]
                is_given = setting == "task-incremental"
                yield {
                    **{"after": after, "task": i + 1, **learned},
                    **{"n_way": len(task.classes), "n_query": len(task.label_Q)},
                    "accuracy": float((names_C[predicted] == own_Q).mean()),
                    "identified": None if is_given else float((task_C[predicted] == i).mean()),
                }


def _states(named: Measured, tasks: Sequence[Task]) -> Iterator[tuple[Any, int]]:
    """Yield the state after each task, and the number of tasks learned by then."""
    learner, n = named.fit, len(tasks)
    state = learner.start()
    for number, task in enumerate(tasks):
        state = learner.learn(state, task.support, number)
        if not learner.sees_every_task:
            yield state, number + 1
    if learner.sees_every_task:
        yield from [(state, n)] * n


def _asked_together(n_learned: int, n_tasks: int, setting: Setting) -> list[list[int]]:
    """Return groups of tasks: their queries come together, and their classes are possible."""
    if setting == "task-incremental":
        return [[task] for task in range(n_tasks)]
    return [list(range(n_learned if setting == "class-incremental" else n_tasks))]


def _predicted(
    named: Measured, state: Any, tasks: Sequence[Task], numbers: Sequence[int]
) -> Int[Tensor, " Q"]:
    """Return the column of the predicted class of each query."""
    questions = Questions(
        torch.cat([task.query_QD for task in tasks]),
        {i: task.support.text_TND[0] for i, task in zip(numbers, tasks, strict=True)},
        tasks[0].logit_scale,
    )
    with torch.no_grad():
        scores_QC = named.fit.answer(state, questions)
    shape = len(questions.rows_QD), sum(map(len, questions.texts.values()))
    if tuple(scores_QC.shape) != shape:
        raise UsageError(
            f"learner {named.name!r} must return a score for each picture and class, a tensor of "
            f"shape {shape}, but it returned the shape {tuple(scores_QC.shape)}"
        )
    if (scores_QC.isnan() | scores_QC.isposinf()).any():
        raise DataError(f"{named.name} gave scores that are not numbers; leave it out of --methods")
    predicted: Tensor = scores_QC.argmax(-1).cpu()
    return predicted
