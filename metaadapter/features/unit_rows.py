"""Rows of length 1, and the mean of the views of a picture as one of them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float16, Float32

__all__ = ["mean_of_views", "unit_rows"]

# Rows turned into float32 at a time, so that averaging a large store needs little memory.
CHUNK_ROWS = 65_536


def unit_rows(features: Float[np.ndarray, "rows dim"]) -> Float[np.ndarray, "rows dim"]:
    """Scale each row to length 1; a row of zeros stays."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    unit: np.ndarray = features / np.maximum(lengths, np.finfo(features.dtype).tiny)
    return unit


def mean_of_views(
    views: Float16[np.ndarray, "pictures views dim"],
) -> Float32[np.ndarray, "pictures dim"]:
    """One unit row for each picture: the mean of its views, which may lie on disk."""
    n_pictures, n_views, dim = views.shape
    means = np.empty((n_pictures, dim), dtype=np.float32)
    step = max(1, CHUNK_ROWS // n_views)
    for start in range(0, n_pictures, step):
        chunk = views[start : start + step].astype(np.float32)
        means[start : start + step] = unit_rows(chunk.mean(axis=1))
    return means
