"""Names that disagree with the pictures: they fit those of another class better."""

from __future__ import annotations

import numpy as np

from metaadapter.advice.left_out import Evidence

__all__ = ["disagreeing_names"]

# Standard deviations above the logarithm of the number of names. docs/advice.md has the precision
# and recall of it on names that were swapped.
MISFIT = 4.7
NORMAL = 1.4826  # a standard deviation over the median absolute deviation of normal values
FEWEST = 3  # of two named classes nothing is left once the means are taken away


def disagreeing_names(found: Evidence) -> list[tuple[int, int]]:
    """(class, class whose pictures its name fits best), the worst misfit first.

    The misfit of a name is how much better the class's pictures agree with the best other name
    than with their own, and how much better the name agrees with the best other pictures, in
    standard deviations of the agreement of names with other classes.
    """
    n_named = int(found.named.sum())
    if n_named < FEWEST:
        return []
    elsewhere = found.named[:, None] & found.named & ~np.eye(len(found.named), dtype=bool)
    agreements = found.agreement[elsewhere]
    # Of the median: names that are wrong must not widen what counts as usual.
    spread = NORMAL * np.median(np.abs(agreements - np.median(agreements)))
    others = np.where(elsewhere, found.agreement, -np.inf)
    own = found.agreement.diagonal()
    misfit = np.where(found.named, others.max(0) + others.max(1) - 2 * own, 0.0)
    worst = np.flatnonzero(misfit > (MISFIT + np.log(n_named)) * spread)
    worst = worst[np.argsort(-misfit[worst], kind="stable")]
    return list(zip(worst.tolist(), others[worst].argmax(-1).tolist(), strict=True))
