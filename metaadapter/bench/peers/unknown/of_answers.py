"""Scores that read a method's logits alone."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.bench.peers.unknown.asked import Asked


def msp(asked: Asked) -> Float[Tensor, "T Q"]:
    """Log p / (1 − p) of p = max_c softmax(z)_c, z the logits (Hendrycks & Gimpel, ICLR 2017).

    The order is that of p, and goes on where p is 1 but for what float64 can tell, as it is in most
    answers of a method that is too sure of itself.
    """
    descending_TQN = asked.logits_TQN.double().sort(dim=-1, descending=True).values
    odds_TQ = descending_TQN[..., 0] - descending_TQN[..., 1:].logsumexp(-1)
    # Infinite where all other classes are ruled out; an area under a curve takes finite numbers.
    return odds_TQ.clamp(max=torch.finfo(odds_TQ.dtype).max)


def energy(asked: Asked) -> Float[Tensor, "T Q"]:
    """Log Σ_c exp(z_c) of the logits z, the negative free energy at T = 1 (Liu et al., 2020)."""
    return asked.logits_TQN.double().logsumexp(-1)
