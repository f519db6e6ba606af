"""Adding one class to a predicted adapter, the others untouched."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter import AdapterWeights, SupportSet
from metaadapter.classifier.one_shot import predict_adapter
from metaadapter.generator import Generator

__all__ = ["append_class"]


def append_class(
    generator: Generator,
    weights: AdapterWeights,
    support: SupportSet,
    position: int,
    rows: Float[Tensor, "n D"],
    text: Float[Tensor, " D"],
    logit_scale: float | None,
) -> tuple[AdapterWeights, SupportSet]:
    """Insert a class at `position`; every other logit stays as it is, to the last bit.

    The whole task, old classes and new, is predicted anew, and only the new class's vector and bias
    are taken from it, at the old temperature: class vectors are fitted to the same targets in both.

    Returns:
        The larger adapter and support set.
    """
    shifted = support.labels + (support.labels >= position)
    larger = SupportSet(
        features=torch.cat([support.features.to(rows.dtype), rows]),
        labels=torch.cat([shifted, torch.full((len(rows),), position)]),
        text=_insert(support.text, text, position),
    )
    predicted = predict_adapter(generator, larger, logit_scale)
    vector = predicted.classes[position]
    bias = predicted.class_bias[position] * (weights.logit_scale / predicted.logit_scale)
    return (
        replace(
            weights,
            classes=_insert(weights.classes, vector, position),
            class_bias=_insert(weights.class_bias, bias, position),
            values=_without_votes(weights, position),
        ),
        larger,
    )


def _insert(rows: Tensor, row: Tensor, position: int) -> Tensor:
    return torch.cat([rows[:position], row[None].to(rows.dtype), rows[position:]])


def _without_votes(weights: AdapterWeights, position: int) -> Tensor | None:
    """The cache's values with a column of zeros for the new class."""
    if weights.values is None:
        return None
    return _insert(weights.values.mT, weights.values.new_zeros(len(weights.values)), position).mT
