"""Labels that look wrong: predicted without the picture, another class is far more probable."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from metaadapter.apps.advice.left_out import Evidence

# Nats above the logarithm of the number of pictures: of many pictures, more look odd by chance.
# docs/explanation/advice.md has the precision and recall on labels that were changed.
DOUBT = 3.0
FEWEST = 20  # fewer pictures count as this many, because they say little about one another


def doubtful_labels(evidence: Evidence) -> list[tuple[int, int]]:
    """Pairs of a picture and the class that fits better, the most doubtful first.

    The doubt, in nats, is the margin of another class over the label, plus the margin of the
    label's usual probability for its class over its probability for this picture. So no picture of
    a class is doubtful because all of them are hard. At most a minority of a class is doubtful, or
    one of two pictures.
    """
    pictures = np.arange(len(evidence.numbers))
    own = evidence.log_p[pictures, evidence.numbers]
    others = evidence.log_p.copy()
    others[pictures, evidence.numbers] = -np.inf
    others[:, evidence.n_pictures == 0] = -np.inf  # a name alone is not evidence against a label
    usual, rank = _in_class(own, evidence.numbers, evidence.has_others)
    doubt = others.max(-1, initial=-np.inf) - own + usual - own
    most = np.maximum(1, (evidence.n_pictures - 1) // 2)[evidence.numbers]
    least = DOUBT + np.log(max(FEWEST, len(doubt)))
    doubtful = np.flatnonzero(evidence.has_others & (rank < most) & (doubt > least))
    doubtful = doubtful[np.argsort(-doubt[doubtful], kind="stable")]
    return list(zip(doubtful.tolist(), others[doubtful].argmax(-1).tolist(), strict=True))


def _in_class(
    own: Float[np.ndarray, " m"], numbers: Int[np.ndarray, " m"], has_others: Bool[np.ndarray, " m"]
) -> tuple[Float[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """The median over each picture's class, and the number of pictures of the class below it."""
    usual, rank = np.zeros_like(own), np.zeros_like(numbers)
    for number in np.unique(numbers[has_others]):
        members = np.flatnonzero(numbers == number)
        usual[members] = np.median(own[members])
        rank[members] = own[members].argsort(kind="stable").argsort(kind="stable")
    return usual, rank
