"""The calibration of the adapter of a tuned tower, from left-out pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from metaadapter.adapter.known import FRACTIONS, known_logits
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.features.towers.config import Calibration

# About forty pictures give no quantile beyond 0.95.
N_QUANTILES = FRACTIONS.index(0.95) + 1


class LeftOutPart(NamedTuple):
    """Pictures that were left out together, and the adapter that was predicted without them."""

    weights: AdapterWeights
    rows: Float[Tensor, "left D"]
    """The features of the pictures, by a tower that was trained without them or not at all."""
    labels: Int[Tensor, " left"]

    @property
    def logits(self) -> Float[Tensor, "left N"]:
        """The logits of the pictures by the adapter."""
        return classify(self.rows, self.weights)


def calibrate(parts: Sequence[LeftOutPart], temperature: float) -> Calibration:
    """Compare the quantiles that adapters predict with those of left-out pictures.

    The tower was trained on the pictures from which an adapter is predicted, so that they look more
    typical of their classes than new pictures. Thresholds are corrected only if too few pictures
    would pass as known, and sets only if they would be too small.

    Args:
        parts: Left-out pictures with adapters predicted without them.
        temperature: The temperature that divides the logits.
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
    known_measured, own_measured = _quantiles(torch.cat(known)), _quantiles(torch.cat(own))
    known_predicted, own_predicted = (
        torch.stack([getattr(head, name)[:N_QUANTILES] for head in heads]).mean(0)
        for name in ("known_quantiles", "own_quantiles")
    )
    return Calibration(
        temperature=temperature,
        known_shift=min(0.0, float((known_measured - known_predicted).mean())),
        own_scale=max(1.0, float(own_measured.sum() / own_predicted.sum().clamp(max=-1e-3))),
    )


def _quantiles(values: Float[Tensor, " n"]) -> Float[Tensor, " quantiles"]:
    """The values that are exceeded by the fractions of `FRACTIONS`."""
    return torch.quantile(values, 1 - values.new_tensor(FRACTIONS[:N_QUANTILES]))
