"""One support set → one adapter, by a forward pass."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter import AdapterWeights, SupportSet
from metaadapter.generator import Generator

__all__ = ["predict_adapter"]


def predict_adapter(
    generator: Generator, support: SupportSet, logit_scale: float | None
) -> AdapterWeights:
    """The adapter of a flat support set, in the precision of its features, without a task axis."""
    shots_NKD, mask_NK = _by_class(support.features, support.labels, len(support.text))
    text_ND = support.text.to(shots_NKD.dtype)
    batch = generator.predict(
        shots_NKD[None], text_ND[None], mask_NK[None], logit_scale=logit_scale
    )
    return batch.task(0)


def _by_class(
    rows: Tensor, labels: Tensor, n_way: int
) -> tuple[Float[Tensor, "N K D"], Bool[Tensor, "N K"]]:
    """Rows sorted into classes, padded to the largest; the order within a class is kept."""
    counts = labels.bincount(minlength=n_way)
    order = labels.argsort(stable=True)
    first = counts.cumsum(0) - counts
    place = torch.arange(len(labels)) - first[labels[order]]
    shots = rows.new_zeros(n_way, int(counts.max()), rows.shape[1])
    shots[labels[order], place] = rows[order]
    return shots, torch.arange(shots.shape[1]) < counts[:, None]
