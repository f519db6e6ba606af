"""What two predictions about the same pictures should agree on."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights


def divergence(
    target_TQN: Float[Tensor, "T Q N"],
    logits_TQN: Float[Tensor, "T Q N"],
    counts_TQ: Bool[Tensor, "T Q"],
) -> Float[Tensor, ""]:
    """Mean KL(target ‖ prediction) over the pictures that count; 0 where none does.

    A class that is masked out has logits of −∞ in both.
    """
    return _mean(_divergences(target_TQN, logits_TQN), counts_TQ)


def symmetric_divergence(
    left_TQN: Float[Tensor, "T Q N"],
    right_TQN: Float[Tensor, "T Q N"],
    counts_TQ: Bool[Tensor, "T Q"],
) -> Float[Tensor, ""]:
    """Mean of `symmetric_divergences` over the pictures that count."""
    return _mean(symmetric_divergences(left_TQN, right_TQN), counts_TQ)


def symmetric_divergences(
    left_TQN: Float[Tensor, "T Q N"], right_TQN: Float[Tensor, "T Q N"]
) -> Float[Tensor, "T Q"]:
    """Mean of both directions of KL (CoPrompt's consistency is one of them), for each picture."""
    return 0.5 * (_divergences(left_TQN, right_TQN) + _divergences(right_TQN, left_TQN))


def zero_shot(support: Support) -> AdapterWeights:
    """Zero-shot CLIP (Radford et al., 2021): logits s · x · t_c.

    Raises:
        UsageError: The encoder's temperature is not known.
    """
    return support.head(support.text_TND)


def text_alone(weights: AdapterWeights) -> AdapterWeights:
    """The text adapter, class vectors and cache, for pictures as the encoder gives them."""
    return replace(weights, centre=None, down=None, bias=None, up=None, visual_ratio=None)


def visual_alone(weights: AdapterWeights, unadapted: AdapterWeights) -> AdapterWeights:
    """The visual adapter: unadapted texts for adapted pictures."""
    return AdapterWeights(
        unadapted.classes, unadapted.class_bias, unadapted.logit_scale, *(weights.visual or ())
    )


def _divergences(target_TQN: Tensor, logits_TQN: Tensor) -> Float[Tensor, "T Q"]:
    log_p, log_q = target_TQN.log_softmax(-1), logits_TQN.log_softmax(-1)
    # −∞ less −∞ is no number: a class that is out has probability 0 on both sides.
    gap = torch.where(log_p.isfinite(), log_p - log_q, 0.0)
    return (log_p.exp() * gap).sum(-1)


def _mean(each_TQ: Tensor, counts_TQ: Tensor) -> Float[Tensor, ""]:
    return torch.where(counts_TQ, each_TQ, 0.0).sum() / counts_TQ.sum().clamp(min=1)
