"""Random numbers made where the generator is: the same tasks on every device."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["log_uniform", "uniform"]


def uniform(
    shape: tuple[int, ...], generator: torch.Generator, device: torch.device
) -> Float[Tensor, ...]:
    """Draw float64 numbers in [0, 1)."""
    drawn = torch.rand(shape, generator=generator, device=generator.device, dtype=torch.float64)
    return drawn.to(device)


def log_uniform(ends: tuple[int, int], uniform_T: Float[Tensor, " T"]) -> Int[Tensor, " T"]:
    """Turn uniform numbers into whole ones within `ends`, k as often as log((k + 1) / k)."""
    low, high = ends
    drawn = (low * torch.exp(uniform_T * math.log((high + 1) / low))).long()
    return drawn.clamp(low, high)
