"""How fast to learn at each step, and what the optimizer may shrink."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from metaadapter.training.config import OptimConfig

__all__ = ["learning_rate", "make_optimizer"]


def learning_rate(step: int, config: OptimConfig) -> float:
    """Rate of step 0, 1, …: a linear rise over `warmup` steps, then half a cosine down to 0."""
    if step < config.warmup:
        return config.lr * (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.lr * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def make_optimizer(network: nn.Module, config: OptimConfig) -> torch.optim.Optimizer:
    """AdamW; biases and the scales of norms do not decay."""
    parameters = [each for each in network.parameters() if each.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [each for each in parameters if each.ndim >= 2]},
        {"params": [each for each in parameters if each.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.lr, weight_decay=config.weight_decay)
