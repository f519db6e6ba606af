"""The loss terms of queries, of the known head and of pools, and the weights of all terms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus

from episodes import EpisodeBatch, Episodes
from metaadapter.adapter.known import FRACTIONS, known_logits
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.errors import UsageError
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.generator.canonical import mean_where


def query_loss(logits_TQN: Float[Tensor, "T Q N"], batch: EpisodeBatch) -> Float[Tensor, ""]:
    """Return the mean of `query_losses` over tasks."""
    return query_losses(logits_TQN, batch.query_labels_TQ, batch.class_mask_TN).mean()


def query_losses(
    logits_TQN: Float[Tensor, "T Q N"],
    labels_TQ: Int[Tensor, "T Q"],
    class_mask_TN: Bool[Tensor, "T N"],
) -> Float[Tensor, " T"]:
    """Return each task's mean cross-entropy divided by log(ways); labels of −1 do not count."""
    losses_TQ = cross_entropy(
        logits_TQN.flatten(0, 1), labels_TQ.flatten(), ignore_index=-1, reduction="none"
    ).view_as(labels_TQ)
    n_queries_T = (labels_TQ >= 0).sum(-1).clamp(min=1)
    n_way_T = class_mask_TN.sum(-1).clamp(min=2).to(logits_TQN.dtype)
    return losses_TQ.sum(-1) / n_queries_T / n_way_T.log()


def known_loss(weights: AdapterWeights, episodes: Episodes) -> Float[Tensor, " T"]:
    """Return the loss of the known head in each task; only this head gets gradients.

    It adds up the cross-entropies of the known and the unknown pictures, the mean softplus(unknown
    − known) of the logits of all pairs, and the pinball losses (Koenker and Bassett 1978) of the
    quantiles q of the logit of known and of ln p of the true class, divided by √(q (1 − q)).
    """
    batch = episodes.batch
    head = {name: getattr(weights, name) for name in ("known", "known_quantiles", "own_quantiles")}
    fixed = replace(weights.map(Tensor.detach), **head)
    known_TQ = known_logits(batch.query_TQD, fixed)
    unknown_TO = known_logits(episodes.off_class_TOD, fixed)
    is_known_TQ, is_unknown_TO = batch.query_labels_TQ >= 0, episodes.off_class_mask_TO
    entropy_T = mean_where(softplus(-known_TQ), is_known_TQ) + mean_where(
        softplus(unknown_TO), is_unknown_TO
    )
    apart_TX = (known_TQ[..., None] - unknown_TO[:, None]).flatten(1)
    both_TX = (is_known_TQ[..., None] & is_unknown_TO[:, None]).flatten(1)
    with torch.no_grad():
        log_p_TQN = classify(batch.query_TQD, fixed).log_softmax(-1)
        ways_TQ1 = batch.query_labels_TQ.clamp(min=0)[..., None]
        own_TQ = log_p_TQN.gather(-1, ways_TQ1)[..., 0].clamp(min=-20.0)
    return (
        entropy_T
        + mean_where(softplus(-apart_TX), both_TX)
        + _pinball(known_TQ.detach(), is_known_TQ, fixed.known_quantiles)
        + _pinball(own_TQ, is_known_TQ, fixed.own_quantiles)
    )


def _pinball(
    values_TQ: Float[Tensor, "T Q"], mask_TQ: Bool[Tensor, "T Q"], quantiles_TG: Tensor | None
) -> Float[Tensor, " T"]:
    assert quantiles_TG is not None  # known_logits has checked it
    below_G = 1 - values_TQ.new_tensor(FRACTIONS)
    over_TQG = values_TQ[..., None] - quantiles_TG[:, None]
    pinball_TQG = torch.maximum(below_G * over_TQG, (below_G - 1) * over_TQG)
    pinball_TQ = (pinball_TQG / (below_G * (1 - below_G)).sqrt()).mean(-1)
    return mean_where(pinball_TQ, mask_TQ)


# Added to the loss in a denominator, because below this loss little is left to improve.
LEAST_LOSS = 0.05


def pool_loss(
    generator: AdapterGenerator, episodes: Episodes, support: Support
) -> Float[Tensor, ""]:
    """Return the loss with pools in units of that without, the mean of queries and pools' own."""
    batch = episodes.batch
    rows_TXD = torch.cat([batch.query_TQD, episodes.pool_TUD], 1)
    pooled = replace(support, pool_TUD=episodes.pool_TUD, pool_mask_TU=episodes.pool_mask_TU)
    logits_TXN = classify(rows_TXD, generator(pooled))
    with torch.no_grad():
        without_TXN = classify(rows_TXD, generator(support))
    parts = [batch.query_TQD.shape[1]]
    relative_2T = [
        query_losses(own, labels, batch.class_mask_TN)
        / (query_losses(before, labels, batch.class_mask_TN) + LEAST_LOSS)
        for own, before, labels in zip(
            logits_TXN.tensor_split(parts, 1),
            without_TXN.tensor_split(parts, 1),
            (batch.query_labels_TQ, episodes.pool_labels_TU),
            strict=True,
        )
    ]
    return torch.stack(relative_2T).mean()


# These terms train only the network that reads pools, or only that of the known head.
PART_TERMS = "pool", "known"
_NO_QUERY = (
    "the weight of the loss term query must be above 0, because the other terms do not teach to "
    "classify and some tasks do not have them; it may be 0 only if pool or known has a weight, and "
    "no other terms have weights"
)


@dataclass(frozen=True, slots=True)
class LossWeights:
    """The weight of each loss term; a term with weight 0 is not computed.

    `query` must be above 0, unless only `known` and `pool` have weights. Wrong weights raise
    `UsageError`.
    """

    query: float = 1.0
    """Cross-entropy of the queries, divided by log(ways) so that large tasks do not dominate."""
    draws: float = 0.0
    """Divergence between predictions from two supports with different pictures or domains."""
    off_class: float = 0.0
    """Divergence from zero-shot on pictures of classes that are not in the task, in tasks whose
    classes all have texts."""
    pool: float = 0.0
    """The losses of the queries and of the pool's own pictures, each divided by the loss without
    the pool. The network that reads pools learns only from this term."""
    known: float = 0.0
    """The loss of the known head (`known_loss`), whose network learns only from this term."""

    def __post_init__(self) -> None:
        for name, weight in asdict(self).items():
            if not 0 <= weight < math.inf:
                raise UsageError(
                    f"the weight of the loss term {name} must be a number of at least 0, got "
                    f"{weight}"
                )
        if self.query == 0 and not ((self.pool or self.known) and self.are_of(*PART_TERMS)):
            raise UsageError(_NO_QUERY)

    def are_of(self, *names: str) -> bool:
        """Return whether only these terms have weights."""
        return not any(weight for name, weight in asdict(self).items() if name not in names)


def weighted_sum(terms: Mapping[str, Float[Tensor, ""]], weights: LossWeights) -> Float[Tensor, ""]:
    """Return the loss: the sum of the terms, each times its weight."""
    return torch.stack([getattr(weights, name) * term for name, term in terms.items()]).sum()
