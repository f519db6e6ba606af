"""Labels that look wrong: the answer without a picture is sure of another class."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from metaadapter.apps.advice.left_out import Evidence

# Nats above the logarithm of the number of pictures: the more are looked at, the more are odd by
# chance. docs/explanation/advice.md has the precision and recall on labels that were made wrong.
DOUBT = 3.0
FEWEST = 20  # of fewer pictures the logarithm is that of so many: they tell little of one another


def doubtful_labels(found: Evidence) -> list[tuple[int, int]]:
    """(picture, class that fits better), the most doubtful first.

    The doubt is how much more probable another class is than the label, and how much less probable
    the label is than it usually is for the class's pictures, together, in nats. So a class all of
    whose pictures are hard puts none of them in doubt. Of a class a minority may be wrong, but of
    two pictures one.
    """
    pictures = np.arange(len(found.numbers))
    own = found.log_p[pictures, found.numbers]
    others = found.log_p.copy()
    others[pictures, found.numbers] = -np.inf
    others[:, found.n_pictures == 0] = -np.inf  # a name alone is no witness against a label
    usual, rank = _in_class(own, found.numbers, found.asked)
    doubt = others.max(-1, initial=-np.inf) - own + usual - own
    most = np.maximum(1, (found.n_pictures - 1) // 2)[found.numbers]
    least = DOUBT + np.log(max(FEWEST, len(doubt)))
    doubtful = np.flatnonzero(found.asked & (rank < most) & (doubt > least))
    doubtful = doubtful[np.argsort(-doubt[doubtful], kind="stable")]
    return list(zip(doubtful.tolist(), others[doubtful].argmax(-1).tolist(), strict=True))


def _in_class(
    own: Float[np.ndarray, " m"], numbers: Int[np.ndarray, " m"], asked: Bool[np.ndarray, " m"]
) -> tuple[Float[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """The median over each picture's class, and how many of the class lie below the picture."""
    usual, rank = np.zeros_like(own), np.zeros_like(numbers)
    for number in np.unique(numbers[asked]):
        those = np.flatnonzero(numbers == number)
        usual[those] = np.median(own[those])
        rank[those] = own[those].argsort(kind="stable").argsort(kind="stable")
    return usual, rank
