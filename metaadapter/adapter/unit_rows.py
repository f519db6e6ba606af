"""Rows of features as tensors of length 1, without loss of digits."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64

# Below it PyTorch does not scale a row to length 1; above, its sum of squares overflows.
SMALL, LARGE = 1e-6, 1e100


def as_array(values: Any) -> Any:
    """A tensor as an array, whatever its device and type; other values unchanged."""
    if not isinstance(values, torch.Tensor):
        return values
    plain = values.detach().cpu()
    return (plain.float() if plain.dtype is torch.bfloat16 else plain).numpy()


def moderate_rows(X: Any) -> Float64[np.ndarray, "*rows D"]:
    """Rows of the same direction, whose lengths neither vanish nor overflow."""
    rows = np.array(X, dtype=np.float64)
    largest = np.maximum(rows.max(-1, initial=0.0), -rows.min(-1, initial=0.0))[..., None]
    if ((largest == 0) | (largest > SMALL) & (largest < LARGE)).all():
        return rows
    # A power of two changes no digit.
    moderate: np.ndarray = np.ldexp(rows, -np.frexp(largest)[1])
    return moderate


def unit_rows(X: Float[np.ndarray, "n *V D"]) -> Float32[torch.Tensor, "n *V D"]:
    """The rows scaled to length 1; a row of zeros stays."""
    rows = torch.from_numpy(moderate_rows(X))
    return torch.nn.functional.normalize(rows, dim=-1).float()
