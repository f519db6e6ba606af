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
    return _mean(_divergences(target_TQN, logits_TQN), counts_TQ)


def symmetric_divergence(
    left_TQN: Float[Tensor, "T Q N"],
    right_TQN: Float[Tensor, "T Q N"],
    counts_TQ: Bool[Tensor, "T Q"],
) -> Float[Tensor, ""]:
    """Return the mean of `symmetric_divergences` over the pictures that count."""
    return _mean(symmetric_divergences(left_TQN, right_TQN), counts_TQ)


def symmetric_divergences(
    left_TQN: Float[Tensor, "T Q N"], right_TQN: Float[Tensor, "T Q N"]
) -> Float[Tensor, "T Q"]:
    """Return the mean of both directions of KL for each picture (CoPrompt uses one direction)."""
    return 0.5 * (_divergences(left_TQN, right_TQN) + _divergences(right_TQN, left_TQN))


def _divergences(target_TQN: Tensor, logits_TQN: Tensor) -> Float[Tensor, "T Q"]:
    log_p, log_q = target_TQN.log_softmax(-1), logits_TQN.log_softmax(-1)
    # −∞ − −∞ is NaN, but a class that is masked out has probability 0 on both sides.
    gap = torch.where(log_p.isfinite(), log_p - log_q, 0.0)
    return (log_p.exp() * gap).sum(-1)


def _mean(values_TQ: Tensor, counts_TQ: Tensor) -> Float[Tensor, ""]:
    return torch.where(counts_TQ, values_TQ, 0.0).sum() / counts_TQ.sum().clamp(min=1)
