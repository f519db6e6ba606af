"""The loss terms of pools: a pool improves predictions, and its draw does not matter."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from episodes import Episodes
from metaadapter.adapter.divergence import symmetric_divergence
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.training.query_loss import query_losses

POOL_TERMS = ("pool", "pool_kept", "pool_halves")
# Added to a loss in a denominator: below it there is nothing left to improve.
LEAST_LOSS = 0.05


def pool_terms(
    generator: AdapterGenerator, episodes: Episodes, support: Support, wanted: frozenset[str]
) -> dict[str, Float[Tensor, ""]]:
    """Return the loss terms of tasks with pools, unweighted, by name; none if no task has a pool.

    Args:
        generator: Predicts the adapters.
        episodes: The tasks with their pools.
        support: Their supports without the pools.
        wanted: The names of the terms.
    """
    mask_TU, batch = episodes.pool_mask_TU, episodes.batch
    if not wanted or not mask_TU.any():
        return {}

    def logits(mask_TU: Tensor, rows: Tensor) -> Tensor:
        pooled = replace(support, pool_TUD=episodes.pool_TUD, pool_mask_TU=mask_TU)
        return classify(rows, generator(pooled))

    rows_TXD = torch.cat([batch.query_TQD, episodes.pool_TUD], 1)
    parts = [batch.query_TQD.shape[1]]
    with torch.no_grad():
        without_TQN, without_TUN = classify(rows_TXD, generator(support)).tensor_split(parts, 1)
    logits_TQN, own_TUN = logits(mask_TU, rows_TXD).tensor_split(parts, 1)
    counts_TQ = (batch.query_labels_TQ >= 0) & mask_TU.any(-1, keepdim=True)
    terms = {}
    if "pool" in wanted:
        relative_2T = [
            query_losses(pooled, labels, batch.class_mask_TN)
            / (query_losses(without, labels, batch.class_mask_TN) + LEAST_LOSS)
            for pooled, without, labels in (
                (logits_TQN, without_TQN, batch.query_labels_TQ),
                (own_TUN, without_TUN, episodes.pool_labels_TU),
            )
        ]
        terms["pool"] = torch.stack(relative_2T).mean()
    if "pool_kept" in wanted:
        terms["pool_kept"] = symmetric_divergence(logits_TQN, without_TQN, counts_TQ)
    if "pool_halves" in wanted:
        is_even_U = torch.arange(mask_TU.shape[1], device=mask_TU.device) % 2 == 0
        one, other = (
            logits(mask_TU & half_U, batch.query_TQD) for half_U in (is_even_U, ~is_even_U)
        )
        terms["pool_halves"] = symmetric_divergence(one, other, counts_TQ)
    return terms
