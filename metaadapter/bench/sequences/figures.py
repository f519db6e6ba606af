"""The measures of continual learning, from the accuracies after each task."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

# A_ij is the accuracy on task j of n after tasks 1 … i are learned; NaN without queries of j then.
Matrix = Float[np.ndarray, "n n"]


def last(accuracy: Matrix) -> float:
    """Return the mean over j of A_nj, "last" (MTIL: Zheng et al., ICCV 2023)."""
    return float(accuracy[-1].mean())


def average(accuracy: Matrix) -> float:
    """Return "average": for each i the mean over j of A_ij, and the mean of these means over i.

    MTIL and X-TAIL have queries of all tasks after each task. The class-incremental setting has
    those of the tasks learned so far; this is iCaRL's average accuracy with equal task weights.
    """
    return float(np.nanmean(accuracy, axis=1).mean())


def transfer(accuracy: Matrix) -> float:
    """Return "transfer": for each j ≥ 2 the mean over i < j of A_ij, and the mean over j (MTIL).

    It is the accuracy on tasks before they are learned; NaN if they have no queries then.
    """
    n = len(accuracy)
    return float(np.mean([accuracy[:j, j].mean() for j in range(1, n)])) if n > 1 else math.nan


def forgetting(accuracy: Matrix) -> float:
    """Return "forgetting": the mean over tasks j < n of (the max of A_ij over j ≤ i < n) − A_nj.

    A_ij is the accuracy on task j after task i is learned. The definition is from Chaudhry et al.
    (ECCV 2018). The value is negative if later tasks helped. In the class-incremental setting it
    includes the unavoidable cost of more possible answers.
    """
    n = len(accuracy)
    if n < 2:
        return math.nan
    return float(np.mean([accuracy[j : n - 1, j].max() - accuracy[-1, j] for j in range(n - 1)]))
