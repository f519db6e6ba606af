"""Names that disagree with the pictures: they fit those of another class better."""

from __future__ import annotations

import numpy as np

from metaadapter.advice.left_out import Evidence

__all__ = ["disagreeing_names"]

# In standard deviations of the agreement of names with other classes; docs/advice.md has the
# precision and recall of it on names that were swapped.
MISFIT = 5.0
FEWEST = 3  # of two named classes nothing is left once the means are taken away


def disagreeing_names(found: Evidence) -> list[tuple[int, int]]:
    """(class, class whose pictures its name fits best), the worst misfit first.

    The misfit of a name is how much better the class's pictures agree with the best other name
    than with their own, and how much better the name agrees with the best other pictures, in
    standard deviations.
    """
    n_named = int(found.named.sum())
    if n_named < FEWEST:
        return []
    elsewhere = found.named[:, None] & found.named & ~np.eye(len(found.named), dtype=bool)
    spread = found.agreement[elsewhere].std()
    others = np.where(elsewhere, found.agreement, -np.inf)
    own = found.agreement.diagonal()
    misfit = np.where(found.named, others.max(0) + others.max(1) - 2 * own, 0.0)
    worst = np.flatnonzero(misfit > MISFIT * spread)
    worst = worst[np.argsort(-misfit[worst], kind="stable")]
    return list(zip(worst.tolist(), others[worst].argmax(-1).tolist(), strict=True))
