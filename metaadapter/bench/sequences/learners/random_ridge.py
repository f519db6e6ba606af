"""Ridge regression on the output of a random layer, for RanPAC and RAIL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.support import Support

Start = Literal["normal", "uniform"]
"""The distribution of the layer's weights: N(0, 1), or uniform in ±1/√D as in `torch.nn.Linear`."""
SEED = 0


def hidden_rows(rows_nD: Float[Tensor, "n D"], n_hidden: int, start: Start) -> Float[Tensor, "n M"]:
    """Return max(0, x W) for the rows x; the random W depends only on D, M and `start`."""
    layer_DM = _random_layer(rows_nD.shape[-1], n_hidden, start).to(rows_nD)
    return (rows_nD @ layer_DM).relu()


# Two entries, for two learners in an evaluation; a layer of 3008 × 15,000 numbers takes 180 MB.
@lru_cache(maxsize=2)
def _random_layer(width: int, n_hidden: int, start: Start) -> Float[Tensor, "D M"]:
    draw = torch.Generator().manual_seed(SEED)
    if start == "normal":
        return torch.randn(width, n_hidden, generator=draw)
    uniform_DM: Tensor = (2 * torch.rand(width, n_hidden, generator=draw) - 1) / width**0.5
    return uniform_DM


def one_hot_rows(
    supports: Mapping[int, Support],
) -> tuple[Float[Tensor, "n D"], Float[Tensor, "n C"]]:
    """Return the pictures of the tasks in float64, and their one-hot classes, task by task."""
    parts = [support.labelled_rows() for support in supports.values()]
    blocks = [
        torch.nn.functional.one_hot(labels, support.n_way).double()
        for (_, labels), support in zip(parts, supports.values(), strict=True)
    ]
    return torch.cat([rows for rows, _ in parts]).double(), torch.block_diag(*blocks)  # type: ignore[no-untyped-call]


def ridge_through_products(
    products_nn: Float[Tensor, "n n"], targets_nC: Float[Tensor, "n C"], ridge: float
) -> Float[Tensor, "n C"]:
    """Return (K + λ I)⁻¹ Y, the coefficients of the pictures; K = H Hᵀ is `products_nn`.

    The ridge solution is Hᵀ (H Hᵀ + λ I)⁻¹ Y = (Hᵀ H + λ I)⁻¹ Hᵀ Y. The left side is cheap, because
    there are far fewer pictures than hidden numbers M; for the right side the papers accumulate M²
    numbers. Eigenvalues are used so that rounding does no harm with a tiny λ.
    """
    values_n, vectors_nn = torch.linalg.eigh(products_nn)
    along_nC = (vectors_nn.mT @ targets_nC) / (values_n.clamp(min=0) + ridge)[:, None]
    return torch.matmul(vectors_nn, along_nC)


def split_by_task(
    columns_xC: Float[Tensor, "x C"], supports: Mapping[int, Support]
) -> dict[int, Float[Tensor, "x _"]]:
    """Return task → the columns of its classes."""
    ways = [support.n_way for support in supports.values()]
    return dict(zip(supports, torch.split(columns_xC, ways, dim=-1), strict=True))


@dataclass(frozen=True, slots=True)
class RidgeState:
    """The pictures so far, and the head of each task."""

    supports: dict[int, Support]
    heads: dict[int, Float[Tensor, "x _"]]
    """Task → coefficients of its classes, for hidden numbers or for kernels with the pictures."""

    @property
    def n_classes(self) -> int:
        """The number of classes learned so far."""
        return sum(head.shape[-1] for head in self.heads.values())

    def heads_of(self, tasks: Iterable[int]) -> Float[Tensor, "x L"] | None:
        """Return the heads of the learned ones of these tasks, side by side; None if none is."""
        heads = [self.heads[task] for task in tasks if task in self.heads]
        return torch.cat(heads, dim=-1) if heads else None
