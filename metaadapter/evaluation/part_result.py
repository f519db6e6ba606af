"""What was found about some of the classes, as plain values that a journal keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from metaadapter.evaluation.metrics import Scores
from metaadapter.evaluation.mistakes import Mistake, worst

__all__ = ["PartResult"]


@dataclass(frozen=True, slots=True)
class PartResult:
    """Classes judged among themselves: all of them, or base or new ones."""

    tasks: tuple[dict[str, Any], ...]
    """Figures of each task, and what it cost; None where there is no such figure."""
    confusion: tuple[tuple[int, int, int], ...]
    """Class number, number of the class it was called, count; over all tasks."""
    bins: tuple[tuple[float, float, float], ...]
    """By confidence: number of queries, sum of confidences, number of right ones."""
    mistakes: tuple[Mistake, ...]
    """The worst ones, over all tasks."""

    @classmethod
    def of(
        cls,
        scores: Scores,
        classes_TN: Int[np.ndarray, "T N"],
        n_query_T: Int[np.ndarray, " T"],
        cost: Mapping[str, Any],
        mistakes: tuple[Mistake, ...],
    ) -> PartResult:
        """From the scores of T tasks.

        Args:
            scores: Of the tasks.
            classes_TN: Number of each way's class in its set.
            n_query_T: How many queries each task has.
            cost: Of a task, the same for all that were fitted together.
            mistakes: The worst ones.
        """
        tasks = [
            {
                "n_way": classes_TN.shape[1],
                "n_query": int(n_query),
                **{name: float(values[task]) for name, values in scores.figures.items()},
                **cost,
            }
            for task, n_query in enumerate(n_query_T)
        ]
        return cls(
            tuple({name: _or_none(value) for name, value in task.items()} for task in tasks),
            _confusion(scores.confusion_TNN, classes_TN),
            tuple((n, confidence, right) for n, confidence, right in scores.bins_B3.tolist()),
            mistakes,
        )

    @classmethod
    def join(cls, pieces: Sequence[PartResult]) -> PartResult:
        """The tasks of all pieces, their counts added."""
        counts = Counter[tuple[int, int]]()
        for piece in pieces:
            counts.update({(true, called): count for true, called, count in piece.confusion})
        bins = np.sum([piece.bins for piece in pieces], axis=0).tolist()
        return cls(
            tuple(task for piece in pieces for task in piece.tasks),
            tuple((true, called, count) for (true, called), count in sorted(counts.items())),
            tuple((n, confidence, right) for n, confidence, right in bins),
            worst(mistake for piece in pieces for mistake in piece.mistakes),
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {
            "tasks": self.tasks,
            "confusion": self.confusion,
            "bins": self.bins,
            "mistakes": self.mistakes,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PartResult:
        """Read the JSON form."""
        return cls(
            tuple(values["tasks"]),
            tuple((true, called, count) for true, called, count in values["confusion"]),
            tuple((n, confidence, right) for n, confidence, right in values["bins"]),
            tuple(Mistake(*mistake) for mistake in values["mistakes"]),
        )


def _or_none(value: Any) -> Any:
    """JSON has no NaN."""
    return None if value is None or np.isnan(value) else value


def _confusion(
    confusion_TNN: np.ndarray, classes_TN: np.ndarray
) -> tuple[tuple[int, int, int], ...]:
    """The counts that are not 0, by the set's own class numbers."""
    task, true, called = confusion_TNN.nonzero()
    pairs = np.stack([classes_TN[task, true], classes_TN[task, called]], 1)
    distinct, place = np.unique(pairs, axis=0, return_inverse=True)
    counts = np.bincount(place, confusion_TNN[task, true, called], len(distinct)).astype(int)
    return tuple(
        (true, called, count)
        for (true, called), count in zip(distinct.tolist(), counts.tolist(), strict=True)
    )
