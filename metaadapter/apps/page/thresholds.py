"""The cost of a threshold on the probability: predictions that count, and errors among them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from metaadapter.apps.page.forms import Cost

N_STEPS = 100


def costs(probabilities: Float[np.ndarray, " n"], correct: Bool[np.ndarray, " n"]) -> list[Cost]:
    """The cost at each threshold from 0 to 0.99; none without predictions.

    Args:
        probabilities: The probability of the predicted class of each left-out picture.
        correct: Whether that is the class of the picture.
    """
    if not len(probabilities):
        return []
    points = []
    for step in range(N_STEPS):
        kept = probabilities >= step / N_STEPS
        errors = float(1 - correct[kept].mean()) if kept.any() else None
        points.append(Cost(threshold=step / N_STEPS, kept=float(kept.mean()), errors=errors))
    return points
