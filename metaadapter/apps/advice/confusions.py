"""Pairs of classes whose left-out pictures are confused."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from metaadapter.apps.advice.left_out import Evidence

# Half is guessing between the two; docs/explanation/advice.md has the errors on new pictures.
WRONG_FRACTION = 0.3
FEWEST = 3  # pictures of a class; with fewer, a left-out picture is hard to predict anyway
MOST_PAIRS = 3


class Confusion(NamedTuple):
    """Two classes, and the pictures of either that look like the other."""

    classes: tuple[int, int]
    n_wrong: int
    """The pictures of both that look more like the other class when left out."""
    n_pictures: int
    alike: tuple[tuple[int, int], ...]
    """Pairs of pictures, one of each class, the most similar first; no picture twice."""


def confusions(
    evidence: Evidence, counted: Callable[[], Float[np.ndarray, "m N"]]
) -> list[Confusion]:
    """The pairs of classes that are most often confused, the worst first.

    The measure is the probability of the other class among the two, in the mean over the pictures
    of each class and over both classes. Only classes with three pictures or more count. Wrong
    pictures are counted by the log-probabilities of `counted`, which may include copies.
    """
    wrong = _wrong_fractions(evidence)
    first, second = np.nonzero(np.triu((wrong + wrong.T) / 2 > WRONG_FRACTION, 1))
    worst = np.argsort(-(wrong + wrong.T)[first, second], kind="stable")
    return [_confusion(evidence, counted(), int(first[pair]), int(second[pair])) for pair in worst]


def _wrong_fractions(evidence: Evidence) -> Float[np.ndarray, "N N"]:
    """The mean probability of the column's class, against the row's, for the row's pictures."""
    n_way = evidence.log_p.shape[1]
    counted = np.flatnonzero(evidence.n_pictures[evidence.numbers] >= FEWEST)
    numbers = evidence.numbers[counted]
    margins = evidence.log_p[counted] - evidence.log_p[counted, numbers][:, None]
    fractions = np.zeros((n_way, n_way))
    np.add.at(fractions, numbers, 1 / (1 + np.exp(-margins)))
    counts = np.bincount(numbers, minlength=n_way)
    fractions = fractions / np.maximum(1, counts)[:, None]
    several = counts > 0
    return np.where(several[:, None] & several, fractions, 0.0)


def _confusion(
    evidence: Evidence, answers: Float[np.ndarray, "m N"], one: int, other: int
) -> Confusion:
    ours, theirs = (np.flatnonzero(evidence.numbers == number) for number in (one, other))
    towards = answers[:, one] - answers[:, other]
    n_wrong = int((towards[ours] < 0).sum() + (towards[theirs] > 0).sum())
    distances = evidence.distances[np.ix_(ours, theirs)].copy()
    alike = []
    for _ in range(min(MOST_PAIRS, len(ours), len(theirs))):
        row, column = np.unravel_index(distances.argmin(), distances.shape)
        alike.append((int(ours[row]), int(theirs[column])))
        distances[row, :], distances[:, column] = np.inf, np.inf
    return Confusion((one, other), n_wrong, len(ours) + len(theirs), tuple(alike))
