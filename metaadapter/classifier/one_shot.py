"""One support set → one adapter, by a forward pass; and one class more, later."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Float32, Int
from torch import Tensor

from metaadapter.adapter import AdapterWeights, SupportSet
from metaadapter.generator import Generator

__all__ = ["append_class", "as_task", "by_class", "predict_adapter", "sort_by_class"]


def predict_adapter(
    generator: Generator, support: SupportSet, logit_scale: float | None
) -> AdapterWeights:
    """The adapter of a support set, without a task axis, float64 on the CPU."""
    batch = generator.predict(*as_task(generator, support), logit_scale=logit_scale)
    return batch.task(0).to(device="cpu", dtype=torch.float64)


def as_task(generator: Generator, support: SupportSet) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures (1, N, K, D), texts (1, N, D) and mask (1, N, K) where the generator is, exact."""
    device = next(generator.parameters()).device
    exact = torch.float32 if device.type == "mps" else torch.float64  # Apple's GPU has no float64
    shots_NKD, mask_NK = by_class(support)
    return (
        shots_NKD[None].to(device, exact),
        support.text[None].to(device, exact),
        mask_NK[None].to(device),
    )


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

    The whole task, old classes and new, is predicted anew, and what it says of the new class less
    the mean of the old ones is added to the mean of the old ones as they are: softmax sees only
    such differences, and what all classes share is another number in each prediction. Both are
    fitted to the same targets, so the old temperature stays; but an adapter from names alone has
    the encoder's, which is no measure of targets, and there differences of logits are kept.

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
    to_scale = weights.logit_scale / predicted.logit_scale
    unit = to_scale.new_ones(()) if len(support.features) else 1 / to_scale
    own_bias = unit * to_scale * _above_others(predicted.class_bias, position)
    own_vector = unit * _above_others(predicted.classes, position)
    grown = replace(
        weights,
        classes=_insert(weights.classes, weights.classes.mean(0) + own_vector, position),
        class_bias=_insert(weights.class_bias, weights.class_bias.mean(0) + own_bias, position),
        **_grown_cache(weights, predicted, position, unit),
    )
    return grown, larger


def _above_others(rows: Tensor, position: int) -> Tensor:
    """A class's entry less the mean of all other classes'."""
    n_others = len(rows) - 1
    return rows[position] - (rows.sum(0) - rows[position]) / n_others


def _grown_cache(
    weights: AdapterWeights, predicted: AdapterWeights, position: int, unit: Tensor
) -> dict[str, Tensor]:
    """The old entries, average about the new class, and new ones, which say nothing else."""
    if predicted.cache is None:
        return {}
    new_keys, new_values, _, new_beta = predicted.cache
    nothing = new_keys[:0], new_values[:0, 1:], weights.logit_scale, new_beta[:0]
    keys, values, alpha, beta = weights.cache or nothing
    about_it = torch.zeros_like(new_values)
    about_it[:, position] = unit * _above_others(new_values.mT, position)
    return {
        "keys": torch.cat([keys, new_keys]),
        "values": torch.cat([_insert(values.mT, values.mean(1), position).mT, about_it]),
        "alpha": alpha,
        "beta": torch.cat([beta, new_beta]),
    }


def by_class(support: SupportSet) -> tuple[Float[Tensor, "N K D"], Bool[Tensor, "N K"]]:
    """Rows sorted into classes, padded to the largest; the order within a class is kept."""
    return sort_by_class(support.features, support.labels, len(support.text))


def sort_by_class(
    rows: Float[Tensor, "n ..."], labels: Int[Tensor, " n"], n_way: int
) -> tuple[Float[Tensor, "N K ..."], Bool[Tensor, "N K"]]:
    """`by_class` for rows of any shape."""
    counts = labels.bincount(minlength=n_way)
    order = labels.argsort(stable=True)
    first = counts.cumsum(0) - counts
    place = torch.arange(len(labels)) - first[labels[order]]
    shots = rows.new_zeros(len(counts), int(counts.max()), *rows.shape[1:])
    shots[labels[order], place] = rows[order]
    return shots, torch.arange(shots.shape[1]) < counts[:, None]


def _insert(rows: Tensor, row: Tensor, position: int) -> Tensor:
    return torch.cat([rows[:position], row[None], rows[position:]])
