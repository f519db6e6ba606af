"""The temperature of an adapter that a pool changed (docs/explanation/pool.md)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.generator.canonical import masked_mean
from metaadapter.generator.domain_shift import LEAST_POOL

# Chosen on validation sets.
SHARPENING, LEAST_LOGIT = 0.75, 1.1
"""The effect of the logit of the mean confidence on a pool, and the logit without an effect."""
OF_GUESS = 0.5
"""The weight of the odds of guessing, which raise the confidence of few classes."""
OF_SHIFT = 0.25
"""The weight of this effect with many shots, where the pool is of another domain."""
MOST_CONFIDENCE = 0.999
"""A larger confidence has no larger effect."""


def sharpened(
    weights: AdapterWeights,
    logits_TUN: Float[Tensor, "T U N"],
    support: Support,
    shortening_T: Float[Tensor, " T"],
    shifted_T: Float[Tensor, " T"],
) -> AdapterWeights:
    """Return adapters whose logits are multiplied by e^(0.75 s w (logit C + ½ ln (N − 1) − 1.1)).

    C is the mean confidence on the pool, N the number of classes, s the `shortening_T`, a mean of
    −log factors by which a network shortens the class means of the pool, and w = v + (1 − v) P / 4
    with v = 1 / K², with P the `shifted_T` and K the shots. Shorter means soften the predictions,
    too much where one picture of a class says little about how far apart the classes are, but the
    pool shows it. Nothing changes with fewer than `LEAST_POOL` pool pictures, or without a labelled
    picture.
    """
    mask_TU = support.pool_mask_TU
    assert mask_TU is not None
    with torch.no_grad():
        confidence_TU1 = logits_TUN.softmax(-1).amax(-1, keepdim=True)
        confidence_T = masked_mean(confidence_TU1, mask_TU)[:, 0].clamp(max=MOST_CONFIDENCE)
        others_T = (support.class_mask_TN.sum(-1) - 1).clamp(min=1).to(confidence_T)
        own_T = support.n_shot_T.to(confidence_T) ** -2
        weight_T = own_T + (1 - own_T) * OF_SHIFT * shifted_T
        is_measured_T = mask_TU.sum(-1) >= LEAST_POOL
        is_measured_T = is_measured_T & support.present_TNK.flatten(1).any(-1)
        beyond_T = confidence_T.logit() + OF_GUESS * others_T.log() - LEAST_LOGIT
        change_T = SHARPENING * shortening_T * weight_T * beyond_T
        return weights.tempered(torch.where(is_measured_T, (-change_T).exp(), 1.0))
