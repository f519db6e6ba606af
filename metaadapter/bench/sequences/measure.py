"""Measures one learner on one sequence of tasks: it answers queries after each learned task."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from metaadapter.bench.evaluation.draw_config import Setting
from metaadapter.bench.evaluation.methods.method import Measured
from metaadapter.bench.evaluation.metrics import Tables, plain
from metaadapter.bench.evaluation.sets.evaluation_set import same_name
from metaadapter.bench.sequences.figures import average, forgetting, last, transfer
from metaadapter.bench.sequences.learner import Questions
from metaadapter.bench.sequences.sequence import Task
from metaadapter.errors import DataError, MetaAdapterError, UsageError
from metaadapter.files.machine_errors import is_shortage
from metaadapter.files.user_code import explain


def measure_sequence(named: Measured, tasks: Sequence[Task], setting: Setting) -> Tables:
    """Return the tables of a cell: `rows` with the measures, and `steps`.

    The row has Last as its `accuracy`, then `average`, `transfer`, `forgetting`; `right_task`, the
    fraction of queries after the last task whose predicted class is in the right task (the mean
    over tasks); and `kb_a_class`, the size of what the learner keeps. A step has:

    - `after`: the number of tasks learned.
    - `task`: the number of the task that the queries are from, counted from 1; `set` is its name.
    - `accuracy`: the fraction of queries whose predicted class has the right name. If two tasks
      share a class, the class of either task is correct.
    - `right_task`: the fraction whose predicted class is in the right task; None if the task is
      given.
    - `n_classes`: the number of classes learned so far.
    - `n_bytes`: the size of what the learner keeps.
    """
    try:
        steps = list(_steps(named, tasks, setting))
    except Exception as error:
        if isinstance(error, MetaAdapterError) or is_shortage(error):
            raise
        raise UsageError(f"learner {named.name!r} failed: {explain(error)}") from error
    accuracy = np.full((len(tasks), len(tasks)), np.nan)
    for step in steps:
        accuracy[step["after"] - 1, step["task"] - 1] = step["accuracy"]
    at_end = [step for step in steps if step["after"] == len(tasks)]
    is_given = setting == "task-incremental"
    row = {
        "task": 0,
        "n_way": sum(step["n_way"] for step in at_end),
        "n_query": sum(step["n_query"] for step in at_end),
        "accuracy": last(accuracy),
        "average": average(accuracy),
        # A learner that sees all tasks at the start has no transfer.
        "transfer": math.nan if named.fit.sees_every_task else transfer(accuracy),
        "forgetting": forgetting(accuracy),
        "right_task": math.nan if is_given else np.mean([step["right_task"] for step in at_end]),
        "kb_a_class": at_end[0]["n_bytes"] / at_end[0]["n_classes"] / 1000,
    }
    of_step = {name: [step[name] for step in steps] for name in steps[0]}
    rows = {name: [value] for name, value in row.items()}
    tables: Tables = plain({"rows": rows, "steps": of_step})
    return tables


def _steps(named: Measured, tasks: Sequence[Task], setting: Setting) -> Iterator[dict[str, Any]]:
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
                    **{"after": after, "task": i + 1, "set": task.name, **learned},
                    **{"n_way": len(task.classes), "n_query": len(task.label_Q)},
                    "accuracy": float((names_C[predicted] == own_Q).mean()),
                    "right_task": None if is_given else float((task_C[predicted] == i).mean()),
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
