"""Output layers that start at zero, so that an untrained network corrects nothing."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def zero_linear(n_in: int, n_out: int) -> nn.Linear:
    """Return a linear layer whose weights and bias are zero."""
    layer = nn.Linear(n_in, n_out)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def bounded(logarithm: Tensor, largest: float) -> Tensor:
    """Return `largest` · tanh(x / `largest`): slope 1 at 0, so that no prediction can run away."""
    return largest * torch.tanh(logarithm / largest)
