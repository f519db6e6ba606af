"""Pairs of classes whose pictures are taken for one another when they are left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from metaadapter.apps.advice.left_out import Evidence

# Half is guessing between the two; docs/explanation/advice.md has what it says of further pictures.
SHARE = 0.3
FEWEST = 3  # pictures of a class; fewer are hard to tell from anything when one is left out
MOST_PAIRS = 3


class Confusion(NamedTuple):
    """Two classes, and how the pictures of one are taken for the other."""

    classes: tuple[int, int]
    n_wrong: int
    """The pictures of both that look more like the other class when they are left out."""
    n_pictures: int
    alike: tuple[tuple[int, int], ...]
    """Pairs of pictures, one of each class, the most alike first; no picture twice."""


def confusions(found: Evidence, counted: Callable[[], Float[np.ndarray, "m N"]]) -> list[Confusion]:
    """The pairs of classes that are most often taken for one another, the worst first.

    That is the probability of the other class between the two, in the mean over the pictures of
    each class and over both. Only classes of three pictures or more are asked about. The wrong ones
    are counted in `counted`, log-probabilities that may know of copies too.
    """
    wrong = _wrong_shares(found)
    first, second = np.nonzero(np.triu((wrong + wrong.T) / 2 > SHARE, 1))
    worst = np.argsort(-(wrong + wrong.T)[first, second], kind="stable")
    return [_confusion(found, counted(), int(first[pair]), int(second[pair])) for pair in worst]


def _wrong_shares(found: Evidence) -> Float[np.ndarray, "N N"]:
    """The mean probability of the class of a column, between it and that of the row, its own."""
    n_way = found.log_p.shape[1]
    asked = np.flatnonzero(found.n_pictures[found.numbers] >= FEWEST)
    numbers = found.numbers[asked]
    margins = found.log_p[asked] - found.log_p[asked, numbers][:, None]
    shares = np.zeros((n_way, n_way))
    np.add.at(shares, numbers, 1 / (1 + np.exp(-margins)))
    counts = np.bincount(numbers, minlength=n_way)
    shares = shares / np.maximum(1, counts)[:, None]
    several = counts > 0
    return np.where(several[:, None] & several, shares, 0.0)


def _confusion(
    found: Evidence, answers: Float[np.ndarray, "m N"], one: int, other: int
) -> Confusion:
    ours, theirs = (np.flatnonzero(found.numbers == number) for number in (one, other))
    towards = answers[:, one] - answers[:, other]
    n_wrong = int((towards[ours] < 0).sum() + (towards[theirs] > 0).sum())
    distances = found.distances[np.ix_(ours, theirs)].copy()
    alike = []
    for _ in range(min(MOST_PAIRS, len(ours), len(theirs))):
        row, column = np.unravel_index(distances.argmin(), distances.shape)
        alike.append((int(ours[row]), int(theirs[column])))
        distances[row, :], distances[:, column] = np.inf, np.inf
    return Confusion((one, other), n_wrong, len(ours) + len(theirs), tuple(alike))
