"""Coordinates in the span of the rows of a task, which are fewer than the features of wide rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights

# Equal rows have a singular matrix of inner products. This part of its largest entry, added to the
# diagonal, is far below the spread that counts as none (`canonical.SPREAD_FLOOR`).
JITTER = 1e-13
LEAST_SAVING = 2
"""How many times as many features as coordinates there must be."""


@dataclass(frozen=True, slots=True)
class Span:
    """The rows of T tasks in coordinates of an orthonormal basis of their span, in each block.

    A generator reads inner products of rows and returns combinations of them, so any coordinates
    with the same inner products do. Those of R rows X are the rows of the Cholesky factor L of
    X Xᵀ. A vector with coordinates v is v L⁻¹ X in the encoder's own coordinates.
    """

    own: Support
    """The support in the encoder's own coordinates."""
    support: Support
    """The same in coordinates of the span: each block has as many as there are rows."""
    factor_PTRR: Float[Tensor, "P T R R"]

    def lift(self, weights: AdapterWeights) -> AdapterWeights:
        """Return adapters that were predicted from `support` in the encoder's own coordinates."""
        tensors = weights.tensors()
        named = {name: tensors[name] for name in ("classes", "keys", "likeness", "down")}
        named |= {"centre": tensors["centre"][:, None], "up": tensors["up"].mT}
        vectors_TVR = torch.cat(list(named.values()), 1)
        widths = self.own.blocks or self.own.text_TND.shape[-1:]
        shots_TXD, text_TXD = self.own.rows_TMD, self.own.text_TND
        in_blocks = []
        for factor_TRR, shots, text, vectors in zip(
            self.factor_PTRR,
            shots_TXD.split(widths, -1),
            text_TXD.split(widths, -1),
            vectors_TVR.chunk(len(widths), -1),
            strict=True,
        ):
            combined_TVR = torch.linalg.solve_triangular(
                factor_TRR, vectors.to(factor_TRR), upper=False, left=False
            ).to(shots)
            of_shots, of_text = combined_TVR.split([shots.shape[1], text.shape[1]], -1)
            in_blocks.append(torch.baddbmm(of_shots @ shots, of_text, text))
        lifted = torch.cat(in_blocks, -1).split([part.shape[1] for part in named.values()], 1)
        changed = dict(zip(named, lifted, strict=True))
        changed["centre"], changed["up"] = changed["centre"][:, 0], changed["up"].mT
        return replace(weights, **changed)


def span_of(support: Support) -> Span | None:
    """Return the span of the rows of each task; `None` if it has hardly fewer coordinates.

    Pools have too many rows. Features with gradients stay, since the factor has no stable ones.
    """
    text_TND, shots_TXD = support.text_TND, support.rows_TMD
    widths, n_rows = support.blocks or text_TND.shape[-1:], shots_TXD.shape[1] + text_TND.shape[1]
    wide = text_TND.shape[-1] >= LEAST_SAVING * len(widths) * n_rows and n_rows <= min(widths)
    exact = text_TND.device.type != "mps"  # Apple's GPU has no float64
    if not wide or not exact or support.n_pool or shots_TXD.requires_grad or text_TND.requires_grad:
        return None
    gram_PTRR = _inner_products(shots_TXD, text_TND, widths)
    square_PTR = gram_PTRR.diagonal(dim1=-2, dim2=-1)
    jitter_PTR = (JITTER * square_PTR.amax(-1, keepdim=True).clamp(min=JITTER)).expand_as(square_PTR)
    factor_PTRR, failed_PT = torch.linalg.cholesky_ex(gram_PTRR + torch.diag_embed(jitter_PTR))
    if failed_PT.any():
        return None
    # A row of zeros, which is no picture or no text, stays one.
    rows_TRP = torch.cat(list(factor_PTRR * (square_PTR > 0)[..., None]), -1).to(text_TND)
    n_places = support.support_mask_TNK.shape[1:]
    changed = replace(
        support,
        support_TNKD=rows_TRP[:, : shots_TXD.shape[1]].unflatten(1, n_places),
        text_TND=rows_TRP[:, shots_TXD.shape[1] :],
        views_TNKVD=None,
        blocks=support.blocks and (n_rows,) * len(widths),
    )
    return Span(support, changed, factor_PTRR)


def _inner_products(
    shots_TXD: Tensor, text_TND: Tensor, widths: Sequence[int]
) -> Float[Tensor, "P T R R"]:
    """Return the inner products of the pictures, then the texts, of each block in float64."""
    blocks = []
    for shots, text in zip(shots_TXD.split(widths, -1), text_TND.split(widths, -1), strict=True):
        rows = torch.cat([shots.double(), text.double()], 1)
        blocks.append(rows @ rows.mT)
    return torch.stack(blocks)
