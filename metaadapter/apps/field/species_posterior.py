"""SpeciesNet's scores as evidence beside the adapter's probabilities.

Let a_c = known · p_c be the adapter's probability of class c, and a_o = 1 − known that of the rest
of the fauna. s_h are SpeciesNet's scores of the m classes that its labels name and of the rest, and
r is what they lack to 1, because its file lists only the best labels. Then

    q_h = (1 − ε) (s_h + r / (m + 1)) + ε / (m + 1)
    a'_h ∝ a_h q_h,  where the sum of all a'_h is that of all a_h.

This is Bayes' rule for two witnesses that are independent given the species, with a flat prior;
with the probability ε SpeciesNet knows nothing. So flat scores change nothing, and no score
excludes a class. A class that no label names keeps its probability.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

WRONG = 0.05
"""ε, an assumption: one in twenty of SpeciesNet's answers says nothing."""


class Evidence(NamedTuple):
    """The scores of one box."""

    scores_C: Float[np.ndarray, " C"]
    """The scores of the classes."""
    is_named_C: Bool[np.ndarray, " C"]
    """Whether a label of SpeciesNet names the class."""
    others: Mapping[str, float]
    """Name of a species that is no class → its score."""
    rest: float = 0.0
    """The score of the rest of the fauna, beside those of `others`."""


class Posterior(NamedTuple):
    """The probabilities of one box, given the evidence."""

    shares_C: Float[np.ndarray, " C"]
    """The probabilities of the classes, if the box shows one of them; they sum to 1."""
    known: float | None
    others: Mapping[str, float]
    """Name of a species that is no class → its probability."""


def posterior(
    shares_C: Float[np.ndarray, " C"], known: float | None, evidence: Evidence
) -> Posterior:
    """Combine the adapter's probabilities with a box's evidence.

    If the adapter cannot tell what is `known`, the scores only compare the classes.
    """
    is_named_C, n_named = evidence.is_named_C, int(evidence.is_named_C.sum())
    before_C = shares_C * (1.0 if known is None else known)
    before, scores = before_C[is_named_C], evidence.scores_C[is_named_C]
    if known is not None:
        before = np.append(before, 1 - known)
        scores = np.append(scores, evidence.rest + sum(evidence.others.values()))
    if not before.sum():
        return Posterior(shares_C, known, {})
    scale = max(float(scores.sum()), 1.0)
    scores = scores / scale
    flat = 1 / len(scores)
    likelihood = (1 - WRONG) * (scores + (1 - scores.sum()) * flat) + WRONG * flat
    after = before * likelihood
    after *= before.sum() / after.sum()
    after_C = before_C.copy()
    after_C[is_named_C] = after[:n_named]
    total = float(after_C.sum())
    new_C = after_C / total if total else shares_C
    if known is None:
        return Posterior(new_C, None, {})
    a_unit = float(after[-1] / likelihood[-1])
    others = {name: a_unit * (1 - WRONG) * score / scale for name, score in evidence.others.items()}
    return Posterior(new_C, min(total, 1.0), others)
