"""ML-KNN: the labels of a picture from those of its nearest neighbours.

M.-L. Zhang and Z.-H. Zhou, ML-KNN: A lazy learning approach to multi-label learning, Pattern
Recognition 40, 2007, equations 1 to 4.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

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
    n, k = len(rows_ND), min(n_neighbours, len(rows_ND) - 1)
    among_NC = _counts(_distances(rows_ND, rows_ND, own=True), shows_NC, k)
    among_QC = _counts(_distances(queries_QD, rows_ND), shows_NC, k)
    prior_C = (smoothing + shows_NC.sum(0)) / (2 * smoothing + n)
    given_KC, otherwise_KC = (
        _likelihood(among_NC, which_NC, k, smoothing) for which_NC in (shows_NC, ~shows_NC)
    )
    shown_QC = prior_C * np.take_along_axis(given_KC, among_QC, 0)
    absent_QC = (1 - prior_C) * np.take_along_axis(otherwise_KC, among_QC, 0)
    p_QC: np.ndarray = shown_QC / (shown_QC + absent_QC)
    return p_QC


def _likelihood(
    among_NC: Int[np.ndarray, "n C"],
    which_NC: Bool[np.ndarray, "n C"],
    k: int,
    smoothing: float,
) -> Float[np.ndarray, "counts C"]:
    """Return the smoothed share of these pictures with 0 … k neighbours that show the class."""
    counts_KC = np.stack([((among_NC == j) & which_NC).sum(0) for j in range(k + 1)])
    shares: np.ndarray = (smoothing + counts_KC) / (smoothing * (k + 1) + counts_KC.sum(0))
    return shares


def _distances(
    queries_QD: Float[np.ndarray, "Q D"], rows_ND: Float[np.ndarray, "n D"], *, own: bool = False
) -> Float[np.ndarray, "Q n"]:
    products = queries_QD @ rows_ND.T
    squares: np.ndarray = (queries_QD**2).sum(1)[:, None] + (rows_ND**2).sum(1) - 2 * products
    if own:  # a picture is not its own neighbour
        np.fill_diagonal(squares, np.inf)
    return squares


def _counts(
    distance_QN: Float[np.ndarray, "Q n"], shows_NC: Bool[np.ndarray, "n C"], k: int
) -> Int[np.ndarray, "Q C"]:
    nearest_QK = np.argsort(distance_QN, axis=1, kind="stable")[:, :k]
    counts: np.ndarray = shows_NC[nearest_QK].sum(1)
    return counts
