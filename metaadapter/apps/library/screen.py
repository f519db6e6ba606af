"""Cosines in a few directions, which select the entries that are worth an exact comparison."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

N_DIRECTIONS = 64
SEED = 0


@dataclass(frozen=True, slots=True)
class Screen:
    """M unit rows projected on the S directions in which they differ most: 1/50 of the work."""

    directions_DS: Float[Tensor, "D S"]
    sketches_MS: Float[Tensor, "M S"]
    """The projection of each row, scaled to length 1."""

    @classmethod
    def of(cls, rows_MD: Float[Tensor, "M D"]) -> Screen:
        """Find the directions by one step of subspace iteration from random ones."""
        draw = torch.Generator().manual_seed(SEED)
        start_DS = torch.randn(rows_MD.shape[1], N_DIRECTIONS, generator=draw).to(rows_MD)
        directions_DS, _ = torch.linalg.qr(rows_MD.mT @ (rows_MD @ start_DS))
        return cls(directions_DS, normalize(rows_MD @ directions_DS, dim=-1))

    def products(self, rows_nD: Float[Tensor, "n D"]) -> Float[Tensor, "M n"]:
        """Approximate the products of all rows with these rows, which may have any length."""
        lengths_n1 = rows_nD.norm(dim=-1, keepdim=True)
        sketches_nS = lengths_n1 * normalize(rows_nD @ self.directions_DS, dim=-1)
        return torch.matmul(self.sketches_MS, sketches_nS.mT)
