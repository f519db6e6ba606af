"""The loss terms of queries, of the known head and of pools."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus

from episodes import EpisodeBatch, Episodes
from episodes.draws import upload
from metaadapter.adapter.divergence import symmetric_divergence
from metaadapter.adapter.known import FRACTIONS, known_logits
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.generator.adapter_generator import AdapterGenerator


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
    entropy_T = _mean(softplus(-known_TQ), is_known_TQ) + _mean(softplus(unknown_TO), is_unknown_TO)
    apart_TX = (known_TQ[..., None] - unknown_TO[:, None]).flatten(1)
    both_TX = (is_known_TQ[..., None] & is_unknown_TO[:, None]).flatten(1)
    with torch.no_grad():
        log_p_TQN = classify(batch.query_TQD, fixed).log_softmax(-1)
        ways_TQ1 = batch.query_labels_TQ.clamp(min=0)[..., None]
        own_TQ = log_p_TQN.gather(-1, ways_TQ1)[..., 0].clamp(min=-20.0)
    return (
        entropy_T
        + _mean(softplus(-apart_TX), both_TX)
        + _pinball(known_TQ.detach(), is_known_TQ, fixed.known_quantiles)
        + _pinball(own_TQ, is_known_TQ, fixed.own_quantiles)
    )


def _pinball(
    values_TQ: Float[Tensor, "T Q"], mask_TQ: Bool[Tensor, "T Q"], quantiles_TG: Tensor | None
) -> Float[Tensor, " T"]:
    assert quantiles_TG is not None  # known_logits has checked it
    below_G = 1 - upload(torch.tensor(FRACTIONS, dtype=values_TQ.dtype), values_TQ.device)
    over_TQG = values_TQ[..., None] - quantiles_TG[:, None]
    pinball_TQG = torch.maximum(below_G * over_TQG, (below_G - 1) * over_TQG)
    pinball_TQ = (pinball_TQG / (below_G * (1 - below_G)).sqrt()).mean(-1)
    return _mean(pinball_TQ, mask_TQ)


def _mean(values_TX: Float[Tensor, "T X"], mask_TX: Bool[Tensor, "T X"]) -> Float[Tensor, " T"]:
    return values_TX.masked_fill(~mask_TX, 0.0).sum(-1) / mask_TX.sum(-1).clamp(min=1)


POOL_TERMS = ("pool", "pool_kept", "pool_halves")
# Added to the loss in a denominator, because below this loss little is left to improve.
LEAST_LOSS = 0.05


def pool_terms(
    generator: AdapterGenerator, episodes: Episodes, support: Support, wanted: frozenset[str]
) -> dict[str, Float[Tensor, ""]]:
    """Return the `wanted` loss terms of tasks with pools by name; none if no task has a pool."""
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
