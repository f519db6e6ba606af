"""One support set → one adapter, by a forward pass; and one class more, later."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from metaadapter.adapter import AdapterWeights, SupportSet
from metaadapter.generator import Generator

__all__ = ["append_class", "by_class", "predict_adapter"]


def predict_adapter(
    generator: Generator, support: SupportSet, logit_scale: float | None
) -> AdapterWeights:
    """The adapter of a support set, without a task axis, float64 on the CPU."""
    device = next(generator.parameters()).device
    exact = torch.float32 if device.type == "mps" else torch.float64  # Apple's GPU has no float64
    shots_NKD, mask_NK = by_class(support)
    batch = generator.predict(
        shots_NKD[None].to(device, exact),
        support.text[None].to(device, exact),
        mask_NK[None].to(device),
        logit_scale=logit_scale,
    )
    return batch.task(0).to(device="cpu", dtype=torch.float64)


def append_class(
    generator: Generator,
    weights: AdapterWeights,
    support: SupportSet,
    position: int,
    rows: Float32[Tensor, "n D"],
    text: Float32[Tensor, " D"],
    logit_scale: float | None,
) -> tuple[AdapterWeights, SupportSet]:
    """Insert a class at `position`; the vectors and biases of the others stay as they are.

    The whole task, old classes and new, is predicted anew, and only the new class's vector, bias
    and cache are taken from it, at the old temperature: both are fitted to the same targets.

    Returns:
        The larger adapter and support set.
    """
    larger = SupportSet(
        features=torch.cat([support.features, rows]),
        labels=torch.cat(
            [support.labels + (support.labels >= position), torch.full((len(rows),), position)]
        ),
        text=_insert(support.text, text, position),
        picture_hashes=support.picture_hashes,
    )
    predicted = predict_adapter(generator, larger, logit_scale)
    bias = predicted.class_bias[position] * (weights.logit_scale / predicted.logit_scale)
    grown = replace(
        weights,
        classes=_insert(weights.classes, predicted.classes[position], position),
        class_bias=_insert(weights.class_bias, bias, position),
        **_grown_cache(weights, predicted, position),
    )
    return grown, larger


def _grown_cache(
    weights: AdapterWeights, predicted: AdapterWeights, position: int
) -> dict[str, Tensor]:
    """The old entries, silent about the new class, and the new ones, which say nothing else."""
    if predicted.cache is None:
        return {}
    new_keys, new_values, _, new_beta = predicted.cache
    nothing = new_keys[:0], new_values[:0, 1:], weights.logit_scale, new_beta[:0]
    keys, values, alpha, beta = weights.cache or nothing
    silent = _insert(values.mT, values.new_zeros(len(values)), position).mT
    about_it = torch.zeros_like(new_values)
    about_it[:, position] = new_values[:, position]
    return {
        "keys": torch.cat([keys, new_keys]),
        "values": torch.cat([silent, about_it]),
        "alpha": alpha,
        "beta": torch.cat([beta, new_beta]),
    }


def by_class(support: SupportSet) -> tuple[Float[Tensor, "N K D"], Bool[Tensor, "N K"]]:
    """Rows sorted into classes, padded to the largest; the order within a class is kept."""
    rows, labels = support.features, support.labels
    counts = labels.bincount(minlength=len(support.text))
    order = labels.argsort(stable=True)
    first = counts.cumsum(0) - counts
    place = torch.arange(len(labels)) - first[labels[order]]
    shots = rows.new_zeros(len(counts), int(counts.max()), rows.shape[1])
    shots[labels[order], place] = rows[order]
    return shots, torch.arange(shots.shape[1]) < counts[:, None]


def _insert(rows: Tensor, row: Tensor, position: int) -> Tensor:
    return torch.cat([rows[:position], row[None], rows[position:]])
