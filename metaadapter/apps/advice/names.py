"""Names that fit the pictures of another class better than their own."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from metaadapter.apps.advice.left_out import Evidence

# In standard deviations of the agreement of names with the pictures of other classes; for a single
# name above the logarithm of the number of names: of many names, more misfit by chance.
# docs/explanation/advice.md has the precision and recall on names that were swapped.
SWAP, MISFIT = 4.5, 4.7
NORMAL = 1.4826  # a standard deviation over the median absolute deviation of normal values
FEWEST = 3  # with two named classes, nothing is left without the means


def disagreeing_names(evidence: Evidence) -> list[tuple[int, int]]:
    """Pairs of a class and the class whose pictures its name fits better; swapped names give two.

    Two names are swapped if together they agree much better with the pictures of each other than
    with their own. A single name is wrong if the pictures of its class agree much better with
    another name, and the name with other pictures, than the two agree with each other.
    """
    n_named = int(evidence.named.sum())
    if n_named < FEWEST:
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
