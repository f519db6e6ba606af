"""The optimizer of a run and its learning rates."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

WEIGHT_DECAY = 0.01
MOST_WARMUP = 100


def make_optimizer(network: nn.Module, lr: float) -> torch.optim.Optimizer:
    """Return AdamW with weight decay, except for biases and the scales of norms."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [parameter for parameter in parameters if parameter.ndim >= 2]},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    # Fused: one call for all weights, where a loop over them would take a twentieth of a step.
    return torch.optim.AdamW(groups, lr=lr, weight_decay=WEIGHT_DECAY, fused=True)


def rate_of_step(step: int, n_steps: int) -> float:
    """Return the learning rate of a step relative to the highest: a rise, then a cosine to zero."""
    warmup = max(1, min(MOST_WARMUP, n_steps // 5))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, n_steps - warmup)))
