"""Names that disagree with the pictures: they fit those of another class better."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from metaadapter.apps.advice.left_out import Evidence

# In standard deviations of the agreement of names with the pictures of other classes, of a single
# name above the logarithm of their number: the more are looked at, the more misfit by chance.
# docs/explanation/advice.md has the precision and recall on names that were swapped.
SWAP, MISFIT = 4.5, 4.7
NORMAL = 1.4826  # a standard deviation over the median absolute deviation of normal values
FEWEST = 3  # of two named classes nothing is left once the means are taken away


def disagreeing_names(found: Evidence) -> list[tuple[int, int]]:
    """(class, class whose pictures its name fits better); of two swapped names both ways round.

    Two names are swapped if together they agree so much better with the pictures of each other
    than with their own. A single name is wrong if the pictures of its class agree so much better
    with another name, and the name with other pictures, than they do with each other.
    """
    n_named = int(found.named.sum())
    if n_named < FEWEST:
        return []
    elsewhere = found.named[:, None] & found.named & ~np.eye(len(found.named), dtype=bool)
    agreements = found.agreement[elsewhere]
    # Of the median: names that are wrong must not widen what counts as usual.
    spread = NORMAL * float(np.median(np.abs(agreements - np.median(agreements))))
    swapped = _swapped(found.agreement, elsewhere, SWAP * spread)
    single = _misfits(found.agreement, elsewhere, (MISFIT + np.log(n_named)) * spread)
    in_pairs = {number for pair in swapped for number in pair}
    return swapped + [pair for pair in single if pair[0] not in in_pairs]


def _swapped(
    agreement: Float[np.ndarray, "N N"], elsewhere: Bool[np.ndarray, "N N"], least: float
) -> list[tuple[int, int]]:
    """Both ways round, the worst pair first; a class is in one pair alone."""
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
