"""Named loss terms: their weighted sum, and their mean over several draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jaxtyping import Float
from torch import Tensor

from metaadapter.training.objective import LossWeights

__all__ = ["mean_terms", "weighted_sum"]


def weighted_sum(terms: Mapping[str, Float[Tensor, ""]], weights: LossWeights) -> Float[Tensor, ""]:
    """What is descended: each term times the weight of its name."""
    total: Tensor = sum(getattr(weights, name) * term for name, term in terms.items())
    return total


def mean_terms(draws: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each term over the draws that had it."""
    names = dict.fromkeys(name for draw in draws for name in draw)
    found = {name: [draw[name] for draw in draws if name in draw] for name in names}
    return {name: sum(values) / len(values) for name, values in found.items()}
