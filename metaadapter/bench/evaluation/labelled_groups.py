"""Draws the groups of pictures, such as scenes or cameras, that give labelled pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

# The fraction of a class's groups that is kept for queries, whatever the number of shots.
KEPT_FOR_QUERIES = 1 / 3


def n_kept(n_groups: int) -> int:
    """Return how many groups of a class are kept for queries."""
    return max(1, round(KEPT_FOR_QUERIES * n_groups))


def labelled_groups(
    counts: Mapping[int, Mapping[str, int]], most_shots: int, rng: np.random.Generator
) -> list[int]:
    """Draw groups one after the other, in random order, until each class has its shots.

    A group that would leave fewer groups of a class than `n_kept` is not drawn.

    Args:
        counts: Group → class → how many shots the group gives.
        most_shots: The number of shots that a class needs.
        rng: The source of the order.
    """
    n_left = Counter(label for classes in counts.values() for label in classes)
    kept = {label: n_kept(n) for label, n in n_left.items()}
    n_shots: Counter[str] = Counter()
    labelled = []
    for group in rng.permutation(sorted(counts)).tolist():
        classes = counts[group]
        is_wanted = any(n_shots[label] < most_shots for label in classes)
        if is_wanted and all(n_left[label] > kept[label] for label in classes):
            n_shots.update(classes)
            n_left.subtract(classes.keys())
            labelled.append(group)
    return labelled
