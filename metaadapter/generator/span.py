"""Coordinates in the span of the rows of a task, which are fewer than the features of wide rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.generator.chunks import row_chunks

# Equal rows have a singular matrix of inner products. This part of its largest entry, added to the
# diagonal, is far below the spread that counts as none (`canonical.SPREAD_FLOOR`).
JITTER = 1e-13
COPIES = 4
LEAST_SAVING = 4
"""How many times as many features as coordinates there must be."""


class _Rows(NamedTuple):
    """The pictures of T tasks, then their texts, in blocks of these widths."""

    shots_TXD: Float[Tensor, "T X D"]
    text_TND: Float[Tensor, "T N D"]
    widths: tuple[int, ...]

    @property
    def n_tasks(self) -> int:
        return len(self.text_TND)

    @property
    def n_rows(self) -> int:
        return self.shots_TXD.shape[1] + self.text_TND.shape[1]

    @property
    def width(self) -> int:
        return self.text_TND.shape[2]

    def part(self, tasks: slice) -> _Rows:
        return _Rows(self.shots_TXD[tasks], self.text_TND[tasks], self.widths)

    def chunks(self) -> Iterator[slice]:
        """Yield slices of tasks whose rows stay in a processor's cache."""
        return row_chunks(self.n_tasks, COPIES * self.n_rows * self.width)

    def in_blocks(self, dtype: torch.dtype) -> list[Tensor]:
        """Return the rows (T, R, width) of each block, contiguous, for fast products."""
        parts = (
            torch.split(rows, list(self.widths), -1) for rows in (self.shots_TXD, self.text_TND)
        )
        return [torch.cat(rows, 1).to(dtype) for rows in zip(*parts, strict=True)]

    def inner_products(self) -> Float[Tensor, "P T R R"]:
        """Return the inner products of all rows within each block, in float64."""
        parts = (self.part(tasks).in_blocks(torch.float64) for tasks in self.chunks())
        return torch.cat([torch.stack([rows @ rows.mT for rows in part]) for part in parts], 1)

    def combined(self, weights_PTVR: Float[Tensor, "P T V R"]) -> list[Tensor]:
        """Return weighted sums (T, V, width) of the rows in each block; rows have a weight each."""
        blocks = zip(weights_PTVR, self.in_blocks(weights_PTVR.dtype), strict=True)
        return [weights_TVR @ rows for weights_TVR, rows in blocks]


@dataclass(frozen=True, slots=True)
class Span:
    """The rows of T tasks in coordinates of an orthonormal basis of their span, in each block.

    A generator reads inner products of rows and returns combinations of them, so any coordinates
    with the same inner products do. Those of R rows X are the rows of the Cholesky factor L of
    X Xᵀ. A vector with coordinates v is v L⁻¹ X in the encoder's own coordinates.
    """

    own: _Rows
    """The rows in the encoder's own coordinates."""
    support: Support
    """The support in coordinates of the span: each block has as many as there are rows."""
    factor_PTRR: Float[Tensor, "P T R R"]

    def lift(self, weights: AdapterWeights) -> AdapterWeights:
        """Return adapters that were predicted from `support` in the encoder's own coordinates."""
        named = weights.tensors()
        rows = {name: named[name] for name in ("classes", "likeness") if name in named}
        vectors_TVR = torch.cat(list(rows.values()), 1)
        in_blocks = torch.stack(vectors_TVR.chunk(len(self.factor_PTRR), -1)).to(self.factor_PTRR)
        weights_PTVR = torch.linalg.solve_triangular(
            self.factor_PTRR, in_blocks, upper=False, left=False
        ).to(vectors_TVR)
        sizes = [part.shape[1] for part in rows.values()]
        # Written once to their fields: copies of wide rows take long.
        lifted = [vectors_TVR.new_empty(self.own.n_tasks, n, self.own.width) for n in sizes]
        columns = [slice(*ends) for ends in pairwise(accumulate(self.own.widths, initial=0))]
        for tasks in self.own.chunks():
            products = self.own.part(tasks).combined(weights_PTVR[:, tasks])
            for block, product_TVD in zip(columns, products, strict=True):
                for field, part in zip(lifted, torch.split(product_TVD, sizes, 1), strict=True):
                    field[tasks, :, block] = part
        return replace(weights, **dict(zip(rows, lifted, strict=True)))


def span_of(support: Support) -> Span | None:
    """Return the span of the rows of each task; `None` if it has hardly fewer coordinates.

    Pools have too many rows. Features with gradients stay, since the factor has no stable ones.
    """
    shots, text_TND = support.support_TNKD, support.text_TND
    widths = support.blocks or (text_TND.shape[-1],)
    n_shots = shots.shape[1] * shots.shape[2]
    n_rows = n_shots + text_TND.shape[1]
    n_coordinates = len(widths) * n_rows
    is_wide = min(widths) >= n_rows and text_TND.shape[-1] >= LEAST_SAVING * n_coordinates
    is_exact = text_TND.device.type != "mps"  # Apple's GPU has no float64
    is_constant = not (shots.requires_grad or text_TND.requires_grad)
    if support.n_pool or not (is_wide and is_exact and is_constant and len(text_TND)):
        return None
    own = _Rows(support.rows_TMD, text_TND, widths)
    gram_PTRR = own.inner_products()
    square_PTR = gram_PTRR.diagonal(dim1=-2, dim2=-1)
    present_PTR1 = (square_PTR > 0)[..., None]
    square_PTR += JITTER * square_PTR.amax(-1, keepdim=True).clamp(min=JITTER)
    factor_PTRR, failed_PT = torch.linalg.cholesky_ex(gram_PTRR)
    if failed_PT.any():
        return None
    # A row of zeros, which is no picture or no text, stays one.
    rows_TRC = torch.cat(list(factor_PTRR.to(own.text_TND) * present_PTR1), -1)
    changed = replace(
        support,
        support_TNKD=rows_TRC[:, :n_shots].reshape(*support.support_mask_TNK.shape, n_coordinates),
        text_TND=rows_TRC[:, n_shots:],
        blocks=support.blocks and (n_rows,) * len(widths),
    )
    return Span(own, changed, factor_PTRR)
