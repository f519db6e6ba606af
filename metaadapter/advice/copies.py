"""Pictures so alike that they count as one: copies of another size, crops, frames of one moment."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

__all__ = ["groups_of_copies"]

# Squared distance in units of the usual one; docs/advice.md has the measurements.
NEAR = 0.12


def groups_of_copies(distances: Float[np.ndarray, "m m"]) -> list[list[int]]:
    """The groups of two or more pictures that near-copies join, by their numbers.

    `distances` are squared, in units of the usual one.
    """
    _, group_of = connected_components(csr_array(distances < NEAR), directed=False)
    order = np.argsort(group_of, kind="stable")
    ends = np.flatnonzero(np.diff(group_of[order])) + 1
    return [group.tolist() for group in np.split(order, ends) if len(group) > 1]
