"""Scores from a method's logits alone."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.bench.peers.unknown.queries import AnsweredQueries


def msp(queries: AnsweredQueries) -> Float[Tensor, "T Q"]:
    """Log p / (1 − p) of p = max_c softmax(z)_c, z the logits (Hendrycks & Gimpel, ICLR 2017).

    The order is that of p. It still separates answers whose p rounds to 1 in float64, as most
    answers of an overconfident method do.
    """
    descending_TQN = queries.logits_TQN.double().sort(dim=-1, descending=True).values
    odds_TQ = descending_TQN[..., 0] - descending_TQN[..., 1:].logsumexp(-1)
    # Infinite if all other classes are ruled out, but an area under a curve needs finite numbers.
    return odds_TQ.clamp(max=torch.finfo(odds_TQ.dtype).max)


def energy(queries: AnsweredQueries) -> Float[Tensor, "T Q"]:
    """Log Σ_c exp(z_c) of the logits z, the negative free energy at T = 1 (Liu et al., 2020)."""
    return queries.logits_TQN.double().logsumexp(-1)
