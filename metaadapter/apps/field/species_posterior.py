"""SpeciesNet's scores as evidence beside the adapter's probabilities.

s_c are the scores of the m classes that SpeciesNet's labels name, s_o is that of the rest of the
fauna, and r is what they lack to 1, because its file lists only the best labels. With S, the sum
over c of s_c, two questions are answered one after the other:

    Which class, if it is one?   p'_c ∝ p_c q_c,  q_c = (1 − ε) (s_c + (1 − S) / m) + ε / m
    One of them, or the rest?    P_m Q_in : (1 − P_m) Q_o,
                                 Q_in = (1 − ε) (S + r / 2) + ε / 2,  Q_o likewise with s_o

P_m is the probability of the m classes. A class that no label names is part of the rest: no score
can be for it, so that one for another class is against it.

Each is Bayes' rule for two witnesses that are independent given the species, with a flat prior;
with the probability ε SpeciesNet knows nothing. So flat scores change nothing, and no score
excludes a class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

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
    is_named_C = evidence.is_named_C
    before_C = shares_C * (1.0 if known is None else known)
    named, rest = float(before_C[is_named_C].sum()), 0.0 if known is None else 1 - known
    unnamed = float(before_C[~is_named_C].sum())
    scores = evidence.scores_C[is_named_C]
    of_rest = evidence.rest + sum(evidence.others.values())
    scale = max(float(scores.sum()) + of_rest, 1.0)
    scores, of_rest = scores / scale, of_rest / scale
    if not named:
        return Posterior(shares_C, known, _others(evidence, rest, scale, _likelihood(of_rest, 0.0)))
    of_classes = float(scores.sum())
    likelihoods = _likelihood(scores, (1 - of_classes) / len(scores), len(scores))
    left = (1 - of_classes - of_rest) / 2
    within, outside = _likelihood(of_classes, left), _likelihood(of_rest, left)
    unit = (named + unnamed + rest) / (named * within + (unnamed + rest) * outside)
    after_C = before_C * unit * outside
    after_C[is_named_C] = before_C[is_named_C] * likelihoods
    after_C[is_named_C] *= unit * named * within / after_C[is_named_C].sum()
    total = float(after_C.sum())
    others = _others(evidence, rest * unit * outside, scale, outside)
    return Posterior(after_C / total, None if known is None else min(total, 1.0), others)


def _likelihood(score: Any, left: float, n: int = 2) -> Any:
    """A score with an even part of what is left, mixed with the flat one of n answers."""
    return (1 - WRONG) * (score + left) + WRONG / n


def _others(evidence: Evidence, rest: float, scale: float, outside: float) -> dict[str, float]:
    """The parts of the rest's probability that named species have."""
    return {
        name: rest * (1 - WRONG) * score / scale / outside
        for name, score in evidence.others.items()
    }
