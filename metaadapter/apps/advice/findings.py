"""The findings behind advice, from the evidence of left-out pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import scipy  # its parts are loaded when they are used, so the page starts without them
from jaxtyping import Bool, Float, Int

from metaadapter.apps.advice.evidence import Evidence

# The largest squared distance of near copies, divided by the usual one between two pictures of a
# class. Measured in docs/explanation/advice.md.
NEAR = 0.17
# The least usual distance, because the median is too small if classes hold little but copies.
LEAST_USUAL = 0.05

# Means and standard deviations, before any picture is seen: of the logit of the share of wrong
# labels, and of the logarithm of the power that makes left-out probabilities right.
# docs/explanation/advice.md has the precision and recall, and the false pieces on correct labels.
MEANS, DEVIATIONS = np.array([-3.0, 0.0]), np.array([1.0, 0.5])

# The least strangeness is the first number plus the second times the logarithm of the number of
# pictures. docs/explanation/advice.md has the precision and recall on strangers of other sets.
STRANGE, STRANGE_OF_MORE = 0.12, 0.12
FEWEST_COMPARED = 20  # fewer pictures count as this many, because they say little about one another

# In standard deviations of the agreement between names and pictures of other classes. `MISFIT`, for
# a single name, is added to the logarithm of the number of names: of many names, more misfit by
# chance. docs/explanation/advice.md has the precision and recall on names that were swapped.
SWAP, MISFIT = 4.5, 4.7
# Names that the encoder does not know fit at random. The median agreement of names with their own
# pictures must be as large as this, or no name is doubted.
FIT = 0.7
NORMAL = 1.4826  # standard deviation / median absolute deviation, for a normal distribution
FEWEST_NAMES = 3  # two named classes leave no spread once the means are subtracted

# 0.5 is guessing between two classes; docs/explanation/advice.md has the errors on new pictures.
WRONG_FRACTION = 0.3
FEWEST_CONFUSED = 3  # pictures of a class; with fewer, a left-out picture is hard to predict anyway
MOST_PAIRS = 3

# With a smaller need, a picture of the class helped no more than one of a random class, see
# docs/explanation/advice.md.
NEED = 0.2


def groups_of_copies(
    distances: Float[np.ndarray, "m m"], numbers: Int[np.ndarray, " m"]
) -> list[list[int]]:
    """Group near copies, also along a chain of copies; each group lists two or more places."""
    others = ~np.eye(len(numbers), dtype=bool)
    in_class = distances[(numbers[:, None] == numbers) & others]
    usual = max(LEAST_USUAL, np.median(in_class)) if in_class.size else 1.0
    near = scipy.sparse.csr_array(distances <= NEAR * usual)
    _, group_of = scipy.sparse.csgraph.connected_components(near, directed=False)
    order = np.argsort(group_of, kind="stable")
    ends = np.flatnonzero(np.diff(group_of[order])) + 1
    return [group.tolist() for group in np.split(order, ends) if len(group) > 1]


def strangers(evidence: Evidence) -> list[int]:
    """Return the pictures that look like no class, the strangest first.

    Of each class, fewer than half of the pictures are strangers, or one of two.
    """
    strange, numbers = evidence.strangeness, evidence.numbers
    rank = np.arange(len(numbers)) - np.searchsorted(numbers, numbers)
    rank[np.lexsort((-strange, numbers))] = rank.copy()
    in_minority = rank < np.maximum(1, (evidence.n_pictures - 1) // 2)[numbers]
    least = STRANGE + STRANGE_OF_MORE * np.log(max(FEWEST_COMPARED, len(strange)))
    odd = np.flatnonzero(evidence.has_others & in_minority & (strange > least))
    return [int(place) for place in odd[np.argsort(-strange[odd], kind="stable")]]


def doubtful_labels(evidence: Evidence) -> list[tuple[int, int]]:
    """Return pairs (picture, class that fits it better), the most doubtful first.

    A label is doubtful if it is probably wrong: a share of all labels is wrong, and names any other
    class; for a right one, the left-out probabilities to some power hold. Share and power are the
    most probable ones for all labels, so doubt is rarer where left-out predictions are often wrong.
    """
    pictures = np.flatnonzero(evidence.has_others)
    numbers, log_p = evidence.numbers[pictures], evidence.log_p[pictures].astype(np.float64)
    log_p[:, evidence.n_pictures == 0] = -np.inf  # a name alone is not evidence against a label
    n_others = max(1, np.count_nonzero(evidence.n_pictures) - 1)
    own = np.arange(len(pictures)), numbers

    def right_and_wrong(wrong: float, power: float) -> Float[np.ndarray, "2 k"]:
        right = np.minimum(scipy.special.log_softmax(np.exp(power) * log_p, axis=1)[own], -1e-12)
        other = np.log(-np.expm1(right) / n_others)
        log_sigmoid = scipy.special.log_expit
        return np.stack([log_sigmoid(-wrong) + right, log_sigmoid(wrong) + other])

    def loss(given: Float[np.ndarray, 2]) -> float:
        unlikely = (((given - MEANS) / DEVIATIONS) ** 2).sum() / 2
        return float(unlikely - np.logaddexp.reduce(right_and_wrong(*given)).sum())

    most_probable = scipy.optimize.minimize(loss, MEANS, method="Nelder-Mead", tol=1e-3)
    right, wrong = right_and_wrong(*most_probable.x)
    odds = wrong - right
    log_p[own] = -np.inf
    doubtful = np.flatnonzero(odds > 0)
    doubtful = doubtful[np.argsort(-odds[doubtful], kind="stable")]
    better = log_p[doubtful].argmax(-1)
    return list(zip(pictures[doubtful].tolist(), better.tolist(), strict=True))


def disagreeing_names(evidence: Evidence) -> list[tuple[int, int]]:
    """Return pairs (class, class whose pictures its name fits better); swapped names give two.

    A single name is wrong if it agrees much better with the pictures of another class, and its
    pictures with another name, than the name and its pictures agree.
    """
    n_named = int(evidence.named.sum())
    if n_named < FEWEST_NAMES:
        return []
    elsewhere = evidence.named[:, None] & evidence.named & ~np.eye(len(evidence.named), dtype=bool)
    agreements = evidence.agreement[elsewhere]
    # The spread around the median, because wrong names must not widen it.
    spread = NORMAL * float(np.median(np.abs(agreements - np.median(agreements))))
    if np.median(evidence.agreement.diagonal()[evidence.named]) < FIT * spread:
        return []
    swapped = _swapped(evidence.agreement, elsewhere, SWAP * spread)
    single = _misfits(evidence.agreement, elsewhere, (MISFIT + np.log(n_named)) * spread)
    in_pairs = {number for pair in swapped for number in pair}
    return swapped + [pair for pair in single if pair[0] not in in_pairs]


def _swapped(
    agreement: Float[np.ndarray, "N N"], elsewhere: Bool[np.ndarray, "N N"], least: float
) -> list[tuple[int, int]]:
    """Return both orders of each swapped pair, the worst pair first; no class is in two pairs."""
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
    """Return pairs (class, class whose pictures its name fits best), the worst first."""
    others = np.where(elsewhere, agreement, -np.inf)
    misfit = others.max(0) + others.max(1) - 2 * agreement.diagonal()
    worst = np.flatnonzero(misfit > least)  # −∞ for a class without a name or picture
    worst = worst[np.argsort(-misfit[worst], kind="stable")]
    return list(zip(worst.tolist(), others[worst].argmax(-1).tolist(), strict=True))


class Confusion(NamedTuple):
    """Two classes, and the pictures of either that look like the other."""

    classes: tuple[int, int]
    n_wrong: int
    """The number of pictures of both that look more like the other class when left out."""
    n_pictures: int
    alike: tuple[tuple[int, int], ...]
    """Pairs of pictures, one of each class, the most similar first; no picture twice."""


def confusions(
    evidence: Evidence, counted: Callable[[], Float[np.ndarray, "m N"]]
) -> Iterator[Confusion]:
    """Yield the pairs of classes that are most often confused, the worst first.

    The measure is the probability of the wrong class of the two, averaged over the pictures of each
    class, then over both classes. The log-probabilities of `counted` decide which are wrong.
    """
    wrong = _wrong_fractions(evidence)
    first, second = np.nonzero(np.triu((wrong + wrong.T) / 2 > WRONG_FRACTION, 1))
    worst = np.argsort(-(wrong + wrong.T)[first, second], kind="stable")
    for pair in worst:
        yield _confusion(evidence, counted(), int(first[pair]), int(second[pair]))


def _wrong_fractions(evidence: Evidence) -> Float[np.ndarray, "N N"]:
    """For pictures of the row's class, the mean probability of the column's class of the two."""
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
    """Return the classes that should gain most from another picture, the neediest first.

    The need of a class with n pictures is the mean probability of wrong classes when they are left
    out, divided by n + 1; it is 1 without a picture.
    """
    own = np.exp(evidence.log_p[np.arange(len(evidence.numbers)), evidence.numbers])
    missing = np.bincount(evidence.numbers, weights=1 - own, minlength=evidence.log_p.shape[1])
    mean_missing = np.where(
        evidence.n_pictures > 0, missing / np.maximum(1, evidence.n_pictures), 1.0
    )
    need = mean_missing / (evidence.n_pictures + 1)
    order = np.argsort(-need, kind="stable")
    return [int(number) for number in order if need[number] > NEED]
