"""From the answers of a cell to rows: a row a task, a pair of classes, a bin, a bad mistake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from metaadapter.evaluation.answers import Answers
from metaadapter.evaluation.metrics import bin_sums, score

__all__ = ["MOST_KEPT", "Tables", "cell_tables"]

Tables = dict[str, dict[str, list[Any]]]
"""Name of a table → column → values, as a journal keeps them."""

# Of a cell: enough for a page to show as many different pictures over the seeds.
MOST_KEPT = 8


def cell_tables(
    part: str,
    answers: Answers,
    classes_TN: Int[np.ndarray, "T N"],
    more: Mapping[str, Sequence[Any]],
) -> Tables:
    """The tables of some of the classes, judged among themselves.

    Args:
        part: "all", "base" or "new".
        answers: Of all tasks.
        classes_TN: Number of each way's class in its set.
        more: Further columns of the tasks: metrics of one's own, and what the tasks cost.
    """
    n_tasks, n_way = classes_TN.shape
    known = answers.known
    tasks = {
        "task": np.arange(n_tasks),
        "n_way": np.full(n_tasks, n_way),
        "n_query": np.bincount(known.task_q, minlength=n_tasks),
        **score(answers, n_tasks, n_way),
        **more,
    }
    true_q = classes_TN[known.task_q, known.way_q]
    predicted_q = classes_TN[known.task_q, known.predicted_q]
    pairs, count = np.unique(np.stack([true_q, predicted_q]), axis=1, return_counts=True)
    bins_B3 = bin_sums(known, n_tasks).sum(0)
    (wrong,) = (~known.correct_q).nonzero()
    worst = wrong[np.argsort(-known.confidence_q[wrong], kind="stable")[:MOST_KEPT]]
    found = {
        "rows": tasks,
        "confusion": {"true": pairs[0], "predicted": pairs[1], "count": count},
        "bins": {
            "bin": np.arange(len(bins_B3)),
            "n": bins_B3[:, 0].astype(int),
            "confidence": bins_B3[:, 1],
            "right": bins_B3[:, 2].astype(int),
        },
        "mistakes": {
            "picture": known.picture_q[worst],
            "true": true_q[worst],
            "predicted": predicted_q[worst],
            "confidence": known.confidence_q[worst],
            "own": np.exp(known.log_own_q[worst]),
        },
    }
    return {name: _with_part(part, columns) for name, columns in found.items()}


def _with_part(part: str, columns: Mapping[str, Any]) -> dict[str, list[Any]]:
    values = {name: _plain(column) for name, column in columns.items()}
    return {"part": [part] * len(next(iter(values.values()))), **values}


def _plain(column: np.ndarray | Sequence[Any]) -> list[Any]:
    """Plain numbers; JSON has no NaN."""
    values = column.tolist() if isinstance(column, np.ndarray) else column
    return [None if value is None or value != value else value for value in values]
