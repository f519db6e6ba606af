"""What left-out pictures say of how sure the adapter of a tuned tower may be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from metaadapter.adapter.known import KEPT, known_logits
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.features.towers.config import Calibration

# Of some forty pictures no quantile beyond that of 0.95 can be told.
N_TOLD = KEPT.index(0.95) + 1


class LeftOutPredictions(NamedTuple):
    """Pictures that were left out, and the adapter that was predicted without them."""

    weights: AdapterWeights
    rows: Float[Tensor, "left D"]
    """Their features by a tower that was trained without them, or not at all."""
    labels: Int[Tensor, " left"]

    @property
    def logits(self) -> Float[Tensor, "left N"]:
        """The logits of these pictures by that adapter."""
        return classify(self.rows, self.weights)


def calibrate(parts: Sequence[LeftOutPredictions], temperature: float) -> Calibration:
    """Find how far the quantiles of the adapters' heads are from those of left-out pictures.

    The tower was trained on the pictures that a head is predicted from, so that these look more
    typical of their classes than new ones will. A head is corrected that would pass too few
    pictures as known, or whose sets would be too small, and no other.

    Args:
        parts: The pictures that were left out together, with the adapter predicted without them.
        temperature: What the logits are divided by.
    """
    heads, known, own = [], [], []
    for part in parts:
        weights = part.weights.tempered(temperature)
        if weights.known_head is None:
            return Calibration(temperature=temperature)
        heads.append(weights.known_head)
        known.append(known_logits(part.rows, weights))
        log_p = classify(part.rows, weights).log_softmax(-1)
        own.append(log_p.gather(1, part.labels[:, None])[:, 0])
    known_found, own_found = (_quantiles(torch.cat(each)) for each in (known, own))
    known_told, own_told = (
        torch.stack([getattr(head, name)[:N_TOLD] for head in heads]).mean(0)
        for name in ("known_quantiles", "own_quantiles")
    )
    return Calibration(
        temperature=temperature,
        known_shift=min(0.0, float((known_found - known_told).mean())),
        own_scale=max(1.0, float(own_found.sum() / own_told.sum().clamp(max=-1e-3))),
    )


def _quantiles(values: Float[Tensor, " n"]) -> Float[Tensor, " told"]:
    """The values above which the fractions of `KEPT` lie."""
    return torch.quantile(values, 1 - values.new_tensor(KEPT[:N_TOLD]))
