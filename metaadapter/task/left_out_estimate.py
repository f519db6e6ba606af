"""What labelled pictures alone tell of their adapter: its leave-one-out accuracy and mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metaadapter.adapter import StoredAdapter
from metaadapter.classifier.fine_tune import leave_one_out
from metaadapter.generator import shared_generator
from metaadapter.task.proportion import Proportion

__all__ = ["LeftOutEstimate", "LeftOutMistake", "estimate"]

# Leaving out each of more pictures would take longer than a user waits for a side remark.
MAX_PICTURES = 200
MAX_PICTURES_REFINED = 80  # each takes gradient steps


@dataclass(frozen=True, slots=True)
class LeftOutMistake:
    """A picture that an adapter of all the others predicts wrongly."""

    path: str
    label: str
    """Its own class."""
    predicted: str
    """The most probable class."""
    probability: float
    """The probability of that class."""

    def __str__(self) -> str:
        return f"{self.path}: {self.label}, predicted {self.predicted} ({self.probability:.2f})"


@dataclass(frozen=True, slots=True)
class LeftOutEstimate:
    """The fraction of left-out pictures that are predicted correctly, and the others."""

    accuracy: Proportion
    mistakes: tuple[LeftOutMistake, ...]


def estimate(paths: Sequence[str], stored: StoredAdapter) -> LeftOutEstimate | None:
    """Estimate the accuracy of an adapter from its own pictures.

    Each picture is classified by an adapter predicted from all the others and, if this one took
    gradient steps, refined by as many. Their number was itself chosen on left-out pictures.

    Args:
        paths: the pictures of the support, class by class.
        stored: the adapter and its support.

    Returns:
        `None` where that is not defined, because no class has two pictures, or would take long.
    """
    config = stored.config
    n_max = MAX_PICTURES_REFINED if config.n_steps else MAX_PICTURES
    if stored.support is None or len(paths) > n_max:
        return None
    generator, _ = shared_generator(config.generator)
    found = leave_one_out(stored.support, generator, n_steps=config.n_steps)
    if not len(found.labels):
        return None
    mistakes = [
        LeftOutMistake(
            path=paths[int(found.pictures[i])],
            label=str(config.classes[int(found.labels[i])]),
            predicted=str(config.classes[int(found.predicted[i])]),
            probability=float(found.probabilities[i].max()),
        )
        for i in (~found.correct).nonzero()[:, 0].tolist()
    ]
    n_correct = int(found.correct.sum())
    return LeftOutEstimate(Proportion(n_correct, len(found.labels)), tuple(mistakes))
