"""Pictures that represent many: those that are most worth a label."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from sklearn.preprocessing import normalize


def representatives(features: Float[np.ndarray, "n D"], n_chosen: int) -> list[int]:
    """Choose pictures so that every picture is near a chosen one; the most helpful comes first.

    The choice minimizes the sum, over all pictures, of the squared distance to the nearest chosen
    picture (k-medoids). It is greedy, which is within 1 − 1/e of the best reduction, because the
    sum is submodular (Nemhauser, Wolsey and Fisher, 1978); and the first k of a choice are the
    choice of k. Rows are centred first, as the mean of a set says nothing about its differences,
    and then have length 1.

    Args:
        features: One row for each picture; its norm does not matter.
        n_chosen: The number of pictures to choose; all are chosen if there are no more.

    Returns:
        Row numbers. Of rows that help equally, the first is chosen.
    """
    if (n := len(features)) == 0:
        return []
    distances = _squared_distances(features)
    nearest = np.full(n, distances.max())
    chosen: list[int] = []
    while len(chosen) < min(n_chosen, n):
        gains = np.maximum(nearest[:, None] - distances, 0).sum(axis=0)
        gains[chosen] = -1
        chosen.append(int(gains.argmax()))
        nearest = np.minimum(nearest, distances[:, chosen[-1]])
    return chosen


def _squared_distances(features: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n n"]:
    rows = normalize(features.astype(np.float64))
    rows = normalize(rows - rows.mean(axis=0))
    distances: np.ndarray = np.maximum(2 - 2 * rows @ rows.T, 0).astype(np.float32)
    return distances
