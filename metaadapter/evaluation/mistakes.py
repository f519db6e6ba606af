"""The wrong answers that were given with most confidence."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nlargest
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

__all__ = ["Mistake", "worst", "worst_mistakes"]

# Of a cell: enough for a page to show as many different pictures over the seeds.
MOST_KEPT = 8


class Mistake(NamedTuple):
    """A picture that was called something else."""

    picture: int
    """Its number in the set."""
    true: int
    """Number of its class in the set."""
    called: int
    """Number of the class that it was called."""
    confidence: float
    """Probability of the class that it was called."""
    own: float
    """Probability of its own class."""


def worst_mistakes(
    log_chance_TQN: Float[np.ndarray, "T Q N"],
    labels_TQ: Int[np.ndarray, "T Q"],
    pictures_TQ: Int[np.ndarray, "T Q"],
    classes_TN: Int[np.ndarray, "T N"],
) -> tuple[Mistake, ...]:
    """The most confident wrong answers over T tasks, the worst first.

    Args:
        log_chance_TQN: Log-probabilities of each query.
        labels_TQ: Way of each query; −1 for one that does not count.
        pictures_TQ: Number of each query in its set.
        classes_TN: Number of each way's class in its set.
    """
    called_TQ = log_chance_TQN.argmax(-1)
    confidence_TQ = log_chance_TQN.max(-1)
    wrong = np.nonzero((labels_TQ >= 0) & (called_TQ != labels_TQ))
    first = np.argsort(-confidence_TQ[wrong], kind="stable")[:MOST_KEPT]
    return tuple(
        Mistake(
            picture=int(pictures_TQ[task, query]),
            true=int(classes_TN[task, labels_TQ[task, query]]),
            called=int(classes_TN[task, called_TQ[task, query]]),
            confidence=float(np.exp(confidence_TQ[task, query])),
            own=float(np.exp(log_chance_TQN[task, query, labels_TQ[task, query]])),
        )
        for task, query in zip(wrong[0][first], wrong[1][first], strict=True)
    )


def worst(mistakes: Iterable[Mistake]) -> tuple[Mistake, ...]:
    """The most confident of many, the worst first."""
    return tuple(nlargest(MOST_KEPT, mistakes, key=lambda mistake: mistake.confidence))
