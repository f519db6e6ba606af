"""Kullback–Leibler divergences between two predictions about the same pictures."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def divergence(
    target_TQN: Float[Tensor, "T Q N"],
    logits_TQN: Float[Tensor, "T Q N"],
    counts_TQ: Bool[Tensor, "T Q"],
) -> Float[Tensor, ""]:
    """Return the mean KL(target ‖ prediction) over the pictures that count; 0 if none counts."""
    log_p, log_q = target_TQN.log_softmax(-1), logits_TQN.log_softmax(-1)
    # −∞ − −∞ is NaN, but a class that is masked out has probability 0 on both sides.
    gap = torch.where(log_p.isfinite(), log_p - log_q, 0.0)
    values_TQ = (log_p.exp() * gap).sum(-1)
    return torch.where(counts_TQ, values_TQ, 0.0).sum() / counts_TQ.sum().clamp(min=1)


def symmetric_divergence(
    left_TQN: Float[Tensor, "T Q N"],
    right_TQN: Float[Tensor, "T Q N"],
    counts_TQ: Bool[Tensor, "T Q"],
) -> Float[Tensor, ""]:
    """Return the mean of both directions of `divergence` (CoPrompt uses one direction)."""
    there = divergence(left_TQN, right_TQN, counts_TQ)
    return 0.5 * (there + divergence(right_TQN, left_TQN, counts_TQ))
