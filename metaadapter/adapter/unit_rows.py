"""Rows of features, scaled to length 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32

SAME = 0.9999
"""The cosine of a row with a copy of it that was rounded to half precision is above this."""


def as_array(values: Any) -> Any:
    """Return a tensor of any device and type as an array, and any other value unchanged."""
    if not isinstance(values, torch.Tensor):
        return values
    plain = values.detach().cpu()
    return (plain.float() if plain.dtype is torch.bfloat16 else plain).numpy()


def unit_rows(X: Float[np.ndarray, "n *V D"]) -> Float32[torch.Tensor, "n *V D"]:
    """Return the rows scaled to length 1; a row of zeros stays."""
    rows = torch.from_numpy(np.array(X, dtype=np.float64))
    return torch.nn.functional.normalize(rows, dim=-1).float()
