"""Kernel ridge regression from captions to pictures, and its predictions for left-out pairs.

In closed form, the residuals of rows left out of a ridge regression are their coefficients,
multiplied by the inverse of their block in the inverse system.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

# docs/explanation/captions.md describes how these two were chosen, and on which data.
SHARPNESS = 3.0
"""The sharpness of the kernel of captions, exp(sharpness · (cosine − 1)): the higher it is, the
closer a caption must be to the caption of a pair to get the correction of that pair."""
RIDGE = 0.5
"""The ridge that shrinks corrections; the kernel of a caption with itself is 1."""
MOST_LEFT_OUT = 64
"""The number of captions that `mean_lead` leaves out at most: the first ones."""


def fit_corrections(
    pictures: Float32[np.ndarray, "pairs dim"], captions: Float32[np.ndarray, "pairs dim"]
) -> Float32[np.ndarray, "pairs dim"]:
    """Return the coefficients that map centred captions to pictures minus captions."""
    return np.asarray(np.linalg.solve(_regularised(captions), pictures - captions), np.float32)


def left_out_cosines(
    pictures: Float32[np.ndarray, "pairs dim"],
    captions: Float32[np.ndarray, "pairs dim"],
    corrections: Float32[np.ndarray, "pairs dim"],
) -> Float32[np.ndarray, "pairs pairs"]:
    """Return the cosine of each picture with each caption, by the fit without their pairs.

    These are the scores that new pictures and captions of the domain would get. The means, which a
    pair hardly changes, stay.
    """
    inverse = np.linalg.inv(_regularised(captions))
    diagonal = inverse.diagonal()
    # Caption j without the pairs i and j has the residual by_j · corrections_j + by_i · …_i.
    part = diagonal[:, None] * diagonal[None] - inverse**2
    np.fill_diagonal(part, 1)
    by_j, by_i = diagonal[:, None] / part, -inverse / part
    np.fill_diagonal(by_j, 1 / diagonal)
    np.fill_diagonal(by_i, 0)
    similarities, across = pictures @ pictures.T, pictures @ corrections.T
    products = corrections @ corrections.T
    self_across, squares = across.diagonal(), products.diagonal()
    # The expected picture of caption j is the picture of pair j minus that residual.
    dots = similarities - by_j * across - by_i * self_across[:, None]
    lengths = (
        1
        - 2 * (by_j * self_across[None] + by_i * across.T)
        + by_j**2 * squares[None]
        + 2 * by_j * by_i * products
        + by_i**2 * squares[:, None]
    )
    cosines: Float32[np.ndarray, "pairs pairs"] = dots / np.sqrt(np.maximum(lengths, 1e-12))
    return cosines


def mean_lead(
    pictures: Float32[np.ndarray, "pairs dim"],
    captions: Float32[np.ndarray, "pairs dim"],
    corrections: Float32[np.ndarray, "pairs dim"],
) -> float:
    """Return by how much captions of other pairs beat a new caption at its own picture, on average.

    Each caption is new in turn: all of its pairs are left out of the fit. The lead is the highest
    cosine of a left-out picture with the other captions, minus its cosine with its own caption.
    Without two different captions it is 0.
    """
    if not len(captions):
        return 0.0
    inverse = np.linalg.inv(_regularised(captions))
    # Features of one text differ by rounding, with the batch in which they are encoded.
    same = captions @ captions.T > 1 - 1e-5
    np.fill_diagonal(same, True)
    leads: list[float] = []
    for out in same[np.unique(same.argmax(1))[:MOST_LEFT_OUT]]:
        if out.all():
            break
        residuals = np.linalg.solve(inverse[np.ix_(out, out)], corrections[out])
        kept = (corrections - inverse[:, out] @ residuals)[~out]
        others, own = unit(pictures[~out] - RIDGE * kept), unit(pictures[out] - residuals)
        leads += ((pictures[out] @ others.T).max(1) - (pictures[out] * own).sum(1)).tolist()
    return float(np.mean(leads)) if leads else 0.0


def kernel(
    rows: Float32[np.ndarray, "n dim"], others: Float32[np.ndarray, "m dim"]
) -> Float32[np.ndarray, "n m"]:
    """Return the similarity of captions, from 0 to 1."""
    return np.asarray(np.exp(SHARPNESS * (rows @ others.T - 1)), np.float32)


def unit(rows: Float32[np.ndarray, "n dim"]) -> Float32[np.ndarray, "n dim"]:
    """Scale rows to length 1; a row of zeros stays."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)


def _regularised(captions: Float32[np.ndarray, "pairs dim"]) -> Float32[np.ndarray, "pairs pairs"]:
    system: Float32[np.ndarray, "pairs pairs"] = kernel(captions, captions)
    np.fill_diagonal(system, system.diagonal() + RIDGE)
    return system
