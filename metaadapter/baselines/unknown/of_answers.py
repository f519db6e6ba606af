"""Scores that read a method's logits alone."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from metaadapter.baselines.unknown.asked import Asked

__all__ = ["energy", "msp"]


def msp(asked: Asked) -> Float[Tensor, "T Q"]:
    """max_c softmax(z)_c of the logits z (Hendrycks & Gimpel, ICLR 2017)."""
    return asked.logits_TQN.double().softmax(-1).amax(-1)


def energy(asked: Asked) -> Float[Tensor, "T Q"]:
    """Log Σ_c exp(z_c) of the logits z, the negative free energy at T = 1 (Liu et al., 2020)."""
    return asked.logits_TQN.double().logsumexp(-1)
