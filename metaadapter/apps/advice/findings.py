"""The findings behind advice, from the evidence of left-out pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from metaadapter.apps.advice.evidence import Evidence

# Squared distance, in units of that of two pictures of one class. Measured in
# docs/explanation/advice.md.
NEAR = 0.17
# In units of that of any two pictures; of classes with little but copies the median is too small.
LEAST_USUAL = 0.05

# Nats above the logarithm of the number of pictures: of many pictures, more look odd by chance.
# docs/explanation/advice.md has the precision and recall on labels that were changed.
DOUBT = 3.0
FEWEST_COMPARED = 20  # fewer pictures count as this many, because they say little about one another

# In standard deviations of the agreement of names with the pictures of other classes; for a single
# name above the logarithm of the number of names: of many names, more misfit by chance.
# docs/explanation/advice.md has the precision and recall on names that were swapped.
SWAP, MISFIT = 4.5, 4.7
NORMAL = 1.4826  # a standard deviation over the median absolute deviation of normal values
FEWEST_NAMES = 3  # with two named classes, nothing is left without the means

# Half is guessing between the two; docs/explanation/advice.md has the errors on new pictures.
WRONG_FRACTION = 0.3
FEWEST_CONFUSED = 3  # pictures of a class; with fewer, a left-out picture is hard to predict anyway
MOST_PAIRS = 3

# Below it, another picture gained no more than one of a random class: docs/explanation/advice.md.
NEED = 0.2


def groups_of_copies(
    distances: Float[np.ndarray, "m m"], numbers: Int[np.ndarray, " m"]
) -> list[list[int]]:
    """The groups of two or more pictures that are connected as near copies, as lists of places."""
    others = ~np.eye(len(numbers), dtype=bool)
    in_class = distances[(numbers[:, None] == numbers) & others]
    usual = max(LEAST_USUAL, np.median(in_class)) if in_class.size else 1.0
    near = csr_array(distances <= NEAR * usual)
    _, group_of = connected_components(near, directed=False)
    order = np.argsort(group_of, kind="stable")
    ends = np.flatnonzero(np.diff(group_of[order])) + 1
    return [group.tolist() for group in np.split(order, ends) if len(group) > 1]


def doubtful_labels(evidence: Evidence) -> list[tuple[int, int]]:
    """Pairs of a picture and the class that fits better, the most doubtful first.

    The doubt, in nats, is the margin of another class over the label, plus that of the label's
    usual log-probability in its class over that of this picture. At most a minority of a class is
    doubtful, or one of two pictures.
    """
    pictures = np.arange(len(evidence.numbers))
    own = evidence.log_p[pictures, evidence.numbers]
    others = evidence.log_p.copy()
    others[pictures, evidence.numbers] = -np.inf
    others[:, evidence.n_pictures == 0] = -np.inf  # a name alone is not evidence against a label
    usual, rank = _in_class(own, evidence.numbers, evidence.has_others)
    doubt = others.max(-1, initial=-np.inf) - own + usual - own
    most = np.maximum(1, (evidence.n_pictures - 1) // 2)[evidence.numbers]
    least = DOUBT + np.log(max(FEWEST_COMPARED, len(doubt)))
    doubtful = np.flatnonzero(evidence.has_others & (rank < most) & (doubt > least))
    doubtful = doubtful[np.argsort(-doubt[doubtful], kind="stable")]
    return list(zip(doubtful.tolist(), others[doubtful].argmax(-1).tolist(), strict=True))


def _in_class(
    own: Float[np.ndarray, " m"], numbers: Int[np.ndarray, " m"], has_others: Bool[np.ndarray, " m"]
) -> tuple[Float[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """The median over each picture's class, and the number of pictures of the class below it."""
    usual, rank = np.zeros_like(own), np.zeros_like(numbers)
    for number in np.unique(numbers[has_others]):
        members = np.flatnonzero(numbers == number)
        usual[members] = np.median(own[members])
        rank[members] = own[members].argsort(kind="stable").argsort(kind="stable")
    return usual, rank


def disagreeing_names(evidence: Evidence) -> list[tuple[int, int]]:
    """Pairs of a class and the class whose pictures its name fits better; swapped names give two.

    A single name is wrong if the pictures of its class agree much better with another name, and the
    name with other pictures, than the two agree with each other.
    """
    n_named = int(evidence.named.sum())
    if n_named < FEWEST_NAMES:
        return []
    elsewhere = evidence.named[:, None] & evidence.named & ~np.eye(len(evidence.named), dtype=bool)
    agreements = evidence.agreement[elsewhere]
    # About the median, because wrong names must not widen the usual spread.
    spread = NORMAL * float(np.median(np.abs(agreements - np.median(agreements))))
    swapped = _swapped(evidence.agreement, elsewhere, SWAP * spread)
    single = _misfits(evidence.agreement, elsewhere, (MISFIT + np.log(n_named)) * spread)
    in_pairs = {number for pair in swapped for number in pair}
    return swapped + [pair for pair in single if pair[0] not in in_pairs]


def _swapped(
    agreement: Float[np.ndarray, "N N"], elsewhere: Bool[np.ndarray, "N N"], least: float
) -> list[tuple[int, int]]:
    """Both orders of each pair, the worst pair first; a class is in one pair only."""
    own = agreement.diagonal()
    gain = np.where(elsewhere, agreement + agreement.T - own[:, None] - own, -np.inf)
    pairs = []
    while gain.max() > least:
        one, other = map(int, np.unravel_index(gain.argmax(), gain.shape))
        pairs += [(one, other), (other, one)]
        gain[[one, other]] = gain[:, [one, other]] = -np.inf
    return pairs


def _misfits(
    agreement: Float[np.ndarray, "N N"], elsewhere: Bool[np.ndarray, "N N"], least: float
) -> list[tuple[int, int]]:
    """The worst first."""
    others = np.where(elsewhere, agreement, -np.inf)
    misfit = others.max(0) + others.max(1) - 2 * agreement.diagonal()
    worst = np.flatnonzero(misfit > least)  # −∞ for a class without a name or picture
    worst = worst[np.argsort(-misfit[worst], kind="stable")]
    return list(zip(worst.tolist(), others[worst].argmax(-1).tolist(), strict=True))


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
    of each class and over both. `counted`, which may include copies, decides which are wrong.
    """
    wrong = _wrong_fractions(evidence)
    first, second = np.nonzero(np.triu((wrong + wrong.T) / 2 > WRONG_FRACTION, 1))
    worst = np.argsort(-(wrong + wrong.T)[first, second], kind="stable")
    return [_confusion(evidence, counted(), int(first[pair]), int(second[pair])) for pair in worst]


def _wrong_fractions(evidence: Evidence) -> Float[np.ndarray, "N N"]:
    """The mean probability of the column's class, against the row's, for the row's pictures."""
    n_way = evidence.log_p.shape[1]
    counted = np.flatnonzero(evidence.n_pictures[evidence.numbers] >= FEWEST_CONFUSED)
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


def needy_classes(evidence: Evidence) -> list[int]:
    """The classes that are expected to gain most from another picture, the neediest first.

    The need is the mean probability of other classes for the left-out pictures, over one more than
    their number; it is 1 without a picture.
    """
    own = np.exp(evidence.log_p[np.arange(len(evidence.numbers)), evidence.numbers])
    missing = np.bincount(evidence.numbers, weights=1 - own, minlength=evidence.log_p.shape[1])
    mean_missing = np.where(
        evidence.n_pictures > 0, missing / np.maximum(1, evidence.n_pictures), 1.0
    )
    need = mean_missing / (evidence.n_pictures + 1)
    order = np.argsort(-need, kind="stable")
    return [int(number) for number in order if need[number] > NEED]
