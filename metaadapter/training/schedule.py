"""The optimizer, what it may shrink, and how fast it learns at each step."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

__all__ = ["MOST_GRADIENT", "WEIGHT_DECAY", "make_optimizer", "make_schedule"]

WEIGHT_DECAY = 0.01
MOST_GRADIENT = 1.0
"""The norm that longer gradients are cut to."""
MOST_WARMUP = 100


def make_optimizer(network: nn.Module, lr: float) -> torch.optim.Optimizer:
    """AdamW; biases and the scales of norms do not decay."""
    parameters = [each for each in network.parameters() if each.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [each for each in parameters if each.ndim >= 2]},
        {"params": [each for each in parameters if each.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr, weight_decay=WEIGHT_DECAY)


def make_schedule(optimizer: torch.optim.Optimizer, n_steps: int) -> LambdaLR:
    """Rates of `n_steps` steps: a linear rise over 100, or a fifth of a shorter run, then a cosine.

    The first rate is set at once; `step()` follows each step of the optimizer.
    """
    warmup = max(1, min(MOST_WARMUP, n_steps // 5))

    # In one formula: torch before 2.8 warns of how its own SequentialLR joins two schedules.
    def fraction(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, n_steps - warmup)))

    return LambdaLR(optimizer, fraction)
