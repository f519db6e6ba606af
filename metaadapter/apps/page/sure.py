"""What it costs to answer only where the adapter is sure: pictures kept against expected errors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

N_STEPS = 100


class Cost(NamedTuple):
    """What becomes of pictures if answers below a probability do not count."""

    threshold: float
    kept: float
    """The fraction of pictures whose answer counts."""
    errors: float | None
    """The fraction of wrong answers among those; `None` where none counts."""


def costs(probabilities: Float[np.ndarray, " n"], correct: Bool[np.ndarray, " n"]) -> list[Cost]:
    """The cost at each threshold from 0 to 0.99; none without answers.

    Args:
        probabilities: Of the answer about each left-out picture.
        correct: Whether it is the picture's own class.
    """
    if not len(probabilities):
        return []
    found = []
    for step in range(N_STEPS):
        kept = probabilities >= step / N_STEPS
        errors = float(1 - correct[kept].mean()) if kept.any() else None
        found.append(Cost(step / N_STEPS, float(kept.mean()), errors))
    return found
