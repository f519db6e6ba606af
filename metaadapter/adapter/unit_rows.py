"""Rows of features, scaled to length 1 without loss of digits."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64

SAME = 0.9999
"""The cosine of a row with a copy of it that was rounded to half precision is above this."""


def as_array(values: Any) -> Any:
    """Return a tensor of any device and type as an array, and any other value unchanged."""
    if not isinstance(values, torch.Tensor):
        return values
    plain = values.detach().cpu()
    return (plain.float() if plain.dtype is torch.bfloat16 else plain).numpy()


def moderate_rows(X: Any) -> Float64[np.ndarray, "*rows D"]:
    """Return the rows, each scaled so that its length neither underflows to 0 nor overflows."""
    rows = np.array(X, dtype=np.float64)
    largest = np.maximum(rows.max(-1, initial=0.0), -rows.min(-1, initial=0.0))[..., None]
    # A power of two changes no digit.
    moderate: np.ndarray = np.ldexp(rows, -np.frexp(largest)[1])
    return moderate


def unit_rows(X: Float[np.ndarray, "n *V D"]) -> Float32[torch.Tensor, "n *V D"]:
    """Return the rows scaled to length 1; a row of zeros stays."""
    rows = torch.from_numpy(moderate_rows(X))
    return torch.nn.functional.normalize(rows, dim=-1).float()
