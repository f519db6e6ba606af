"""ML-KNN: the labels of a picture from those of its nearest neighbours.

M.-L. Zhang and Z.-H. Zhou, ML-KNN: A lazy learning approach to multi-label learning, Pattern
Recognition 40, 2007, equations 1 to 4.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from sklearn.neighbors import NearestNeighbors

NEIGHBOURS, SMOOTHING = 10, 1.0
"""The published defaults k and s."""


def ml_knn(
    rows_ND: Float[np.ndarray, "n D"],
    shows_NC: Bool[np.ndarray, "n C"],
    queries_QD: Float[np.ndarray, "Q D"],
    n_neighbours: int = NEIGHBOURS,
    smoothing: float = SMOOTHING,
) -> Float[np.ndarray, "Q C"]:
    """Return the probability of each class, given how many of the neighbours show it.

    With fewer other pictures than `n_neighbours`, all of them are neighbours.
    """
    n, k, s = len(rows_ND), min(n_neighbours, len(rows_ND) - 1), smoothing
    nearest = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(rows_ND)
    # Without queries, a picture is not its own neighbour.
    among_NC, among_QC = (
        shows_NC[nearest.kneighbors(asked, return_distance=False)].sum(1)
        for asked in (None, queries_QD)
    )
    # The smoothed shares of the pictures that show a class, or not, with 0 … k such neighbours.
    is_j_KNC = among_NC == np.arange(k + 1)[:, None, None]
    given_KC, otherwise_KC = (
        (s + counts_KC) / (s * (k + 1) + counts_KC.sum(0))
        for counts_KC in ((is_j_KNC & shows_NC).sum(1), (is_j_KNC & ~shows_NC).sum(1))
    )
    prior_C = (s + shows_NC.sum(0)) / (2 * s + n)
    shown_QC = prior_C * np.take_along_axis(given_KC, among_QC, 0)
    absent_QC = (1 - prior_C) * np.take_along_axis(otherwise_KC, among_QC, 0)
    p_QC: np.ndarray = shown_QC / (shown_QC + absent_QC)
    return p_QC
