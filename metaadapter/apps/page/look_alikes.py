"""Groups of pictures that look alike, so that a person can label many at once."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32

# The centres are learned from at most this many pictures, which is enough for large trays.
MAX_LEARNED, STEPS, SEED = 4000, 8, 0


def look_alikes(features: Float32[np.ndarray, "n D"]) -> list[list[int]]:
    """Return groups of row numbers, the most alike first; a row that is like no other has none.

    This is spherical k-means (Dhillon and Modha, 2001) with the square root of n centres, on rows
    without their mean, which all pictures share.
    """
    if len(features) < 2:
        return []
    rows = _unit(features - features.mean(0))
    n_centres = math.ceil(math.sqrt(len(rows)))
    draw = np.random.default_rng(SEED)
    learned = rows[draw.permutation(len(rows))[:MAX_LEARNED]]
    centres = learned[:n_centres]
    for _ in range(STEPS):
        nearest = (learned @ centres.T).argmax(1)
        members = np.eye(n_centres, dtype=np.float32)[nearest]
        centres = np.where(members.any(0)[:, None], _unit(members.T @ learned), centres)
    similarity = rows @ centres.T
    nearest, similarity = similarity.argmax(1), similarity.max(1)
    groups = [np.flatnonzero(nearest == centre) for centre in range(n_centres)]
    groups = [group for group in groups if len(group) > 1]
    groups.sort(key=lambda group: -similarity[group].mean())
    return [group[np.argsort(-similarity[group], kind="stable")].tolist() for group in groups]


def _unit(rows: Float32[np.ndarray, "n D"]) -> Float32[np.ndarray, "n D"]:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-12), np.float32)
