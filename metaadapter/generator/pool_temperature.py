"""The temperature of an adapter that a pool changed (docs/explanation/pool.md)."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter.weights import AdapterWeights
from metaadapter.generator.canonical import masked_mean
from metaadapter.generator.domain_shift import LEAST_POOL

# Chosen on validation sets.
SHARPENING, LEAST_LOGIT = 0.75, 0.2
"""The effect of the logit of the mean confidence on a pool, and the logit without an effect."""
OF_SHIFT = 0.25
"""The weight of this effect with many shots, where the pool is of another domain."""
MOST_CONFIDENCE = 0.999
"""A larger confidence has no larger effect."""


def sharpened(
    weights: AdapterWeights,
    logits_TUN: Float[Tensor, "T U N"],
    pool_mask_TU: Bool[Tensor, "T U"],
    shortening_T: Float[Tensor, " T"],
    n_shot_T: Float[Tensor, " T"],
    shifted_T: Float[Tensor, " T"],
) -> AdapterWeights:
    """Return adapters whose logits are multiplied by e^(0.75 s w (logit C − 0.2)).

    C is the mean confidence on the pool, s the `shortening_T`, a mean of −log factors by which a
    network shortens the class means of the pool, and w = v + (1 − v) P / 4 with v = 1 / K², with P
    the `shifted_T` and K the shots. Shorter means soften the predictions, too much where one
    picture of a class says little about how far apart the classes are, but the pool shows it.
    Nothing changes with fewer than `LEAST_POOL` pool pictures, or if K = 0.
    """
    with torch.no_grad():
        confidence_TU1 = logits_TUN.softmax(-1).amax(-1, keepdim=True)
        confidence_T = masked_mean(confidence_TU1, pool_mask_TU)[:, 0].clamp(max=MOST_CONFIDENCE)
        own_T = n_shot_T.clamp(min=1).to(confidence_T) ** -2
        weight_T = own_T + (1 - own_T) * OF_SHIFT * shifted_T
        is_measured_T = (pool_mask_TU.sum(-1) >= LEAST_POOL) & (n_shot_T > 0)
        change_T = SHARPENING * shortening_T * weight_T * (confidence_T.logit() - LEAST_LOGIT)
        factor_T = torch.where(is_measured_T, change_T.exp(), 1.0).to(weights.logit_scale)
    scaled = {
        name: getattr(weights, name) * factor_T.reshape(-1, *(1,) * extra)
        for name, extra in (("class_bias", 1), ("logit_scale", 0), ("alpha", 0))
        if getattr(weights, name) is not None
    }
    return replace(weights, **scaled)
