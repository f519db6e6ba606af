"""Pictures so similar that they count as one: resized copies, crops, frames of one moment."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

# Squared distance, in units of that of two pictures of one class. Measured in
# docs/explanation/advice.md.
NEAR = 0.17
# In units of that of any two pictures; of classes with little but copies the median is too small.
LEAST_USUAL = 0.05


def groups_of_copies(
    distances: Float[np.ndarray, "m m"], numbers: Int[np.ndarray, " m"]
) -> list[list[int]]:
    """The groups of two or more pictures that are connected as near copies, as lists of places.

    Args:
        distances: The squared distance of each two pictures, in units of that of any two.
        numbers: The class of each picture.
    """
    others = ~np.eye(len(numbers), dtype=bool)
    in_class = distances[(numbers[:, None] == numbers) & others]
    usual = max(LEAST_USUAL, np.median(in_class)) if in_class.size else 1.0
    near = csr_array(distances <= NEAR * usual)
    _, group_of = connected_components(near, directed=False)
    order = np.argsort(group_of, kind="stable")
    ends = np.flatnonzero(np.diff(group_of[order])) + 1
    return [group.tolist() for group in np.split(order, ends) if len(group) > 1]
