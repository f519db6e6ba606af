"""The thresholds of known and of sets, measured on a pool (docs/explanation/unknown.md)."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter.known import FRACTIONS, known_logits
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.generator.domain_shift import LEAST_POOL, DomainShift, evenness
from metaadapter.generator.known_scalars import weighted_quantiles

# Chosen on validation sets. Distances are in units of the distance between the quantiles of known
# for 50 and for 95 % that are predicted from the labelled pictures.
MARGIN = 0.1
"""A pool picture is so much more known than a new one, as the adapter has read it."""
UNEVEN_MARGIN = 0.6
"""Of a pool that shows few of the classes, times √(1 − evenness) and the weight of the pool."""
UPPER = 0.75
"""This quantile of a pool lies among known pictures, even if the pool has many strangers."""
BELOW_UPPER, DEVIATION = 0.65, 0.45
"""Mean below the upper quantile, and deviation, of a normal distribution of known pictures."""


@torch.no_grad()
def with_pool_thresholds(
    weights: AdapterWeights, support: Support, shift: DomainShift
) -> AdapterWeights:
    """Return adapters of tasks with pools, with the thresholds measured on these pools.

    The quantiles of the labelled pictures move to those of the pool by 1 − (1 − P) (1 − 1 / K),
    with P the probability of another domain and K the shots. The true class of a pool picture is
    unknown, so a set's threshold is a quantile of all log-probabilities, weighted by the
    probabilities. Strangers lower quantiles of known by no more than a normal distribution below
    the upper quantile of the pool allows. Tasks without a labelled picture, or with fewer than
    `LEAST_POOL` pool pictures, keep their thresholds.
    """
    head, pool_TUD, mask_TU = weights.known_head, support.pool_TUD, support.pool_mask_TU
    if head is None or pool_TUD is None or mask_TU is None:
        return weights
    is_measured_T = (mask_TU.sum(-1) >= LEAST_POOL) & support.present_TNK.flatten(1).any(-1)
    if not is_measured_T.any():
        return weights
    pool_TUD = pool_TUD.masked_fill(~mask_TU[..., None], 0.0)
    logits_TUN = classify(pool_TUD, weights)
    p_TUN = logits_TUN.softmax(-1) * mask_TU[..., None]
    moved_T = 1 - (1 - shift.probability_T) * (1 - 1 / support.n_shot_T)
    moved_T1 = (moved_T * is_measured_T)[:, None].to(head.known_quantiles)
    evenness_T = evenness(p_TUN.sum(1), support.class_mask_TN)
    margin_T = MARGIN + UNEVEN_MARGIN * moved_T * (1 - evenness_T).clamp(min=0).sqrt()
    known_TU = known_logits(pool_TUD, weights, logits_TUN)
    known_TG = _known_quantiles(known_TU, mask_TU, head.known_quantiles, margin_T)
    own_TG = weighted_quantiles(
        p_TUN.clamp(min=1e-9).log().flatten(1), p_TUN.flatten(1), _tails(p_TUN)
    )
    known_TG = torch.lerp(head.known_quantiles, known_TG.to(moved_T1), moved_T1)
    return replace(
        weights,
        known_quantiles=known_TG,
        own_quantiles=torch.lerp(head.own_quantiles, own_TG.to(moved_T1), moved_T1),
        reject_threshold=torch.where(
            is_measured_T, known_TG[:, FRACTIONS.index(0.95)].sigmoid(), head.reject_threshold
        ),
    )


def _known_quantiles(
    known_TU: Float[Tensor, "T U"],
    mask_TU: Bool[Tensor, "T U"],
    predicted_TG: Float[Tensor, "T G"],
    margin_T: Float[Tensor, " T"],
) -> Float[Tensor, "T G"]:
    """Return the quantiles of known pictures, from a pool and the quantiles without it."""
    tails_G = _tails(known_TU)
    fractions = torch.cat([tails_G, tails_G.new_tensor([UPPER])])
    quantiles = weighted_quantiles(known_TU, mask_TU.to(known_TU), fractions)
    unit_T1 = predicted_TG[:, :1] - predicted_TG[:, FRACTIONS.index(0.95), None]
    normal_G = BELOW_UPPER - DEVIATION * torch.special.ndtri(tails_G)
    least_TG = quantiles[:, -1:] - normal_G * unit_T1
    return quantiles[:, :-1].maximum(least_TG) - margin_T[:, None] * unit_T1


def _tails(like: Tensor) -> Float[Tensor, " G"]:
    """Return, for each of the `FRACTIONS` of known pictures to keep, the fraction to lose."""
    return 1 - like.new_tensor(FRACTIONS)
