"""What a generator is trained to make of pools: to win by them, and not to depend on their draw."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from episodes import Episodes
from metaadapter.adapter import Support, classify
from metaadapter.adapter.consistency import symmetric_divergence
from metaadapter.generator import AdapterGenerator
from metaadapter.training.query_loss import mean_loss, query_loss

__all__ = ["POOL_TERMS", "pool_terms"]

POOL_TERMS = ("pool", "pool_kept", "pool_halves")
# Of the loss of the pool's own pictures beside that of new ones, which matter more: an adapter
# outlives its pool.
OWN_PICTURES = 0.5


def pool_terms(
    generator: AdapterGenerator, episodes: Episodes, support: Support, wanted: frozenset[str]
) -> dict[str, Float[Tensor, ""]]:
    """Loss terms of a batch of tasks with pools, unweighted, by name; none where no task has one.

    Args:
        generator: Predicts the adapters.
        episodes: Tasks, with their pools.
        support: Their supports, without the pools.
        wanted: Which of the terms.
    """
    mask_TU, batch = episodes.pool_mask_TU, episodes.batch
    if not wanted or not mask_TU.any():
        return {}

    def answers(mask_TU: Tensor, rows: Tensor) -> Tensor:
        pooled = replace(support, pool_TUD=episodes.pool_TUD, pool_mask_TU=mask_TU)
        return classify(rows, generator(pooled))

    both = torch.cat([batch.query_TQD, episodes.pool_TUD], 1)
    n_query = batch.query_TQD.shape[1]
    logits_TQN, own_TUN = answers(mask_TU, both).tensor_split([n_query], 1)
    counts_TQ = (batch.query_labels_TQ >= 0) & mask_TU.any(-1, keepdim=True)
    terms = {}
    if "pool" in wanted:
        own = mean_loss(own_TUN, episodes.pool_labels_TU, batch.class_mask_TN)
        terms["pool"] = query_loss(logits_TQN, batch) + OWN_PICTURES * own
    if "pool_kept" in wanted:
        with torch.no_grad():
            kept_TQN = classify(batch.query_TQD, generator(support))
        terms["pool_kept"] = symmetric_divergence(logits_TQN, kept_TQN, counts_TQ)
    if "pool_halves" in wanted:
        is_even_U = torch.arange(mask_TU.shape[1], device=mask_TU.device) % 2 == 0
        one, other = (
            answers(mask_TU & half_U, batch.query_TQD) for half_U in (is_even_U, ~is_even_U)
        )
        terms["pool_halves"] = symmetric_divergence(one, other, counts_TQ)
    return terms
