"""The weights of the loss terms that train a generator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.data.user_code import user_code_and_folder
from metaadapter.errors import UsageError
from metaadapter.training.loss_terms import POOL_TERMS

# These terms train only the network that reads pools, or only that of the known head.
PART_TERMS = (*POOL_TERMS, "known")
_NO_QUERY = (
    "the weight of the loss term query must be above 0, because the other terms do not teach to "
    "classify and some tasks do not have them; it may be 0 only if pool or known has a weight, and "
    "no terms except pool, pool_kept, pool_halves and known have weights"
)


@dataclass(frozen=True, slots=True)
class LossWeights:
    """The weight of each loss term; a term with weight 0 is not computed.

    `query` must be above 0, unless only `known` and terms of pools have weights. Wrong weights and
    wrong names of losses of your own raise `UsageError`.
    """

    query: float = 1.0
    """Cross-entropy of the queries, divided by log(ways) so that large tasks do not dominate."""
    draws: float = 0.0
    """Divergence between predictions from two supports with different pictures or domains."""
    views: float = 0.0
    """Divergence between predictions from two sets of views of one support."""
    modalities: float = 0.0
    """Divergence between predictions with only the visual adapter and with only the adapted class
    vectors, in tasks whose classes all have texts."""
    off_class: float = 0.0
    """Divergence from zero-shot on pictures of classes that are not in the task, in tasks whose
    classes all have texts."""
    pool: float = 0.0
    """The losses of the queries and of the pool's own pictures, each divided by the loss without
    the pool. The network that reads pools learns only from the terms of pools."""
    pool_kept: float = 0.0
    """Divergence between predictions with and without the pool."""
    pool_halves: float = 0.0
    """Divergence between predictions with one half of the pool and with the other."""
    known: float = 0.0
    """The loss of the known head (`known_loss`), whose network learns only from this term."""

    own: Mapping[str, float] = field(default_factory=dict)
    """The weights of your own losses, by FILE.py:FUNCTION; the log has each as FUNCTION."""

    def __post_init__(self) -> None:
        shipped = [name for name in asdict(self) if name != "own"]
        names = [*shipped, *map(_function, self.own)]
        for name in self.own:
            if user_code_and_folder(name) != (name, ""):
                raise UsageError(f"expected FILE.py:FUNCTION as a key of loss.own, got {name!r}")
            if names.count(_function(name)) > 1:
                raise UsageError(
                    f"two loss terms are named {_function(name)}; rename the function in {name}"
                )
        for name, weight in self.by_name.items():
            if not 0 <= weight < math.inf:
                raise UsageError(
                    f"the weight of the loss term {name} must be a number of at least 0, got "
                    f"{weight}"
                )
        if self.query == 0 and not ((self.pool or self.known) and self.are_of(*PART_TERMS)):
            raise UsageError(_NO_QUERY)

    @property
    def of_pools(self) -> frozenset[str]:
        """The terms with a weight that need pools."""
        return frozenset(name for name in POOL_TERMS if getattr(self, name))

    def are_of(self, *names: str) -> bool:
        """Return whether only these terms have weights."""
        return not any(weight for name, weight in self.by_name.items() if name not in names)

    @property
    def by_name(self) -> dict[str, float]:
        """The weight of each term by name; the name of your own loss is that of its function."""
        shipped = asdict(self)
        own = shipped.pop("own")
        return shipped | {_function(name): weight for name, weight in own.items()}


def weighted_sum(terms: Mapping[str, Float[Tensor, ""]], weights: LossWeights) -> Float[Tensor, ""]:
    """Return the loss: the sum of the terms, each times its weight."""
    by_name = weights.by_name
    return torch.stack([by_name[name] * term for name, term in terms.items()]).sum()


def _function(name: str) -> str:
    return name.rpartition(":")[2]
