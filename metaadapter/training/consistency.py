"""What two predictions about the same pictures should agree on."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter import AdapterWeights

__all__ = ["divergence", "symmetric_divergence", "text_alone", "visual_alone", "zero_shot"]


def divergence(
    target_TQN: Float[Tensor, "T Q N"],
    logits_TQN: Float[Tensor, "T Q N"],
    counts_TQ: Bool[Tensor, "T Q"],
) -> Float[Tensor, ""]:
    """Mean KL(target ‖ prediction) of softmax over classes, over the pictures that count.

    A class that is masked out has logits of −∞ in both. 0 where no picture counts.
    """
    log_p, log_q = target_TQN.log_softmax(-1), logits_TQN.log_softmax(-1)
    # −∞ less −∞ is no number: a class that is out has probability 0 on both sides.
    gap = torch.where(log_p.isfinite(), log_p - log_q, 0.0)
    each_TQ = (log_p.exp() * gap).sum(-1)
    return torch.where(counts_TQ, each_TQ, 0.0).sum() / counts_TQ.sum().clamp(min=1)


def symmetric_divergence(
    left_TQN: Float[Tensor, "T Q N"],
    right_TQN: Float[Tensor, "T Q N"],
    counts_TQ: Bool[Tensor, "T Q"],
) -> Float[Tensor, ""]:
    """Mean of both directions of KL (CoPrompt's consistency is one of them)."""
    return 0.5 * (
        divergence(left_TQN, right_TQN, counts_TQ) + divergence(right_TQN, left_TQN, counts_TQ)
    )


def zero_shot(
    text_TND: Float[Tensor, "T N D"], class_mask_TN: Bool[Tensor, "T N"], logit_scale: float
) -> AdapterWeights:
    """CLIP's own classifier of the classes that are there."""
    weights = AdapterWeights.zero_shot(text_TND, logit_scale)
    return replace(weights, class_bias=weights.class_bias.masked_fill(~class_mask_TN, -torch.inf))


def text_alone(weights: AdapterWeights) -> AdapterWeights:
    """The text adapter, class vectors and cache, for pictures as the encoder gives them."""
    return replace(weights, centre=None, down=None, bias=None, up=None, visual_ratio=None)


def visual_alone(weights: AdapterWeights, unadapted: AdapterWeights) -> AdapterWeights:
    """The visual adapter: unadapted texts for adapted pictures."""
    return AdapterWeights(
        unadapted.classes, unadapted.class_bias, unadapted.logit_scale, *(weights.visual or ())
    )
