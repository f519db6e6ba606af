"""Gradient steps on the support from a predicted adapter, anchored to where they start.

What they lower is the cross-entropy of the support, and disagreement about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter import AdapterWeights, Support, apply_adapter, classify
from metaadapter.adapter.consistency import (
    symmetric_divergences,
    text_alone,
    visual_alone,
    zero_shot,
)
from metaadapter.adapter.weights import cache_logits

__all__ = ["gradient_steps", "own_log_probability", "support_loss", "support_objective"]

MOVED = ("classes", "class_bias")
"""What steps change. Moving the visual bottleneck too gains nothing: docs/fine-tuning.md."""
# torch's own: what keeps Adam from stepping along gradients that are rounding alone.
EPSILON = 1e-8


def gradient_steps(
    start: AdapterWeights,
    support: Support,
    *,
    lr: float,
    anchor_T: Float[Tensor, " T"],
    views: float = 0.0,
    modalities: float = 0.0,
) -> Iterator[AdapterWeights]:
    """The adapters after 1, 2, 3 … full-batch steps of Adam on class vectors and biases; endless.

    Each changed tensor is θ₀ + u v with u the root mean square of θ₀, and the loss of a task is
    `support_objective` plus anchor · the sum over tensors of mean v²: an L2 anchor to the
    prediction (as ProLIP's Frobenius anchor to the pre-trained matrix), in units that are those of
    the tensor. Tasks do not see one another: losses are summed, and Adam works element by element.

    Args:
        start: The predicted adapters, with a leading task axis.
        support: The pictures to learn from. The adapter of a task without any stays.
        lr: The learning rate of Adam, in units of u.
        anchor_T: How strongly each task holds to its start.
        views: The weight of a term of `support_objective`.
        modalities: The weight of another.
    """
    fixed = start.map(torch.Tensor.detach)
    # What belongs to a class that is not there neither sets a unit nor counts in a mean.
    is_there_TN = fixed.class_bias.isfinite()
    starts = [getattr(fixed, name) for name in MOVED]
    parts = [_parts(tensor, is_there_TN) for tensor in starts]
    units = [_unit(tensor, part) for tensor, part in zip(starts, parts, strict=True)]
    offsets = [torch.zeros_like(tensor).requires_grad_() for tensor in starts]
    optimizer = torch.optim.Adam(offsets, lr=lr, eps=EPSILON)
    has_shots_T = support.present_TNK.flatten(1).any(-1)
    loss_of = support_objective(fixed, support, views=views, modalities=modalities)

    def moved() -> AdapterWeights:
        places = zip(starts, units, offsets, strict=True)
        tensors = [tensor + unit * offset for tensor, unit, offset in places]
        return replace(fixed, **dict(zip(MOVED, tensors, strict=True)))

    while True:
        with torch.enable_grad():
            held_T = sum(
                (part * offset.square()).flatten(1).sum(1)
                for part, offset in zip(parts, offsets, strict=True)
            )
            total = ((loss_of(moved()) + anchor_T * held_T) * has_shots_T).sum()
        for offset, gradient in zip(offsets, torch.autograd.grad(total, offsets), strict=True):
            offset.grad = gradient
        optimizer.step()
        with torch.no_grad():
            yield moved()


def _parts(tensor: Tensor, is_there_TN: Tensor) -> Tensor:
    """The weight of each entry in a mean over a task's entries, of the classes that are there."""
    there = torch.ones_like(tensor) * is_there_TN.reshape(
        *is_there_TN.shape, *[1] * (tensor.ndim - 2)
    )
    return there / _per_task(there.flatten(1).sum(1).clamp(min=1), tensor)


def _unit(tensor: Tensor, parts: Tensor) -> Tensor:
    """The root mean square of each task's entries; 1 where all are zero."""
    entries = torch.where(tensor.isfinite(), tensor, 0.0)
    unit_T = (parts * entries.square()).flatten(1).sum(1).sqrt()
    return _per_task(torch.where(unit_T > 0, unit_T, 1.0), tensor)


def _per_task(values_T: Tensor, tensor: Tensor) -> Tensor:
    """One value a task, in the shape that multiplies a tensor."""
    return values_T.reshape(-1, *[1] * (tensor.ndim - 1))


def support_objective(
    start: AdapterWeights, support: Support, *, views: float = 0.0, modalities: float = 0.0
) -> Callable[[AdapterWeights], Float[Tensor, " T"]]:
    """The loss of each task as a function of its adapter; 0 for a task without a shot.

    Args:
        start: The adapters that the steps start from. Only class vectors and biases may differ from
            them, so that the rest is computed once.
        support: The pictures. Where it has their views, cross-entropy is over all of these.
        views: The weight of the divergence between predictions for a view and for its picture.
        modalities: The weight of the divergence between the visual adapter alone, with zero-shot
            CLIP's texts, and the text adapter alone, in tasks whose classes all have texts.

    Raises:
        UsageError: The term of the modalities needs the temperature, and it is not known.
    """
    rows_TMD, mask_TM = support.support_TNKD.flatten(1, 2), support.present_TNK.flatten(1)
    views_TNKVD = support.views_TNKVD
    if views_TNKVD is None:
        views_TNKVD = support.support_TNKD[..., None, :]
    _, n_way, n_shot, n_views, _ = views_TNKVD.shape
    has_view_TX = mask_TM.repeat_interleave(n_views, -1)
    read_views = _reader(start, views_TNKVD.flatten(1, 3))

    def labels(weights: AdapterWeights) -> Tensor:
        return -_mean(_own(read_views(weights), n_way, n_shot * n_views), has_view_TX)

    terms = [(1.0, labels)]
    if views and n_views > 1:
        read_pictures = _reader(start, rows_TMD)

        def between_views(weights: AdapterWeights) -> Tensor:
            whole_TXN = read_pictures(weights).repeat_interleave(n_views, 1)
            apart_TX = symmetric_divergences(read_views(weights), whole_TXN)
            return _mean(apart_TX, has_view_TX)

        terms.append((views, between_views))
    if modalities:
        unadapted = zero_shot(support)
        read_text = _reader(text_alone(start), rows_TMD)
        is_named_T = (support.text_TND.any(-1) | ~support.class_mask_TN).all(-1)
        counts_TM = mask_TM & is_named_T[:, None]

        def between_modalities(weights: AdapterWeights) -> Tensor:
            visual_TMN = classify(rows_TMD, visual_alone(weights, unadapted))
            apart_TM = symmetric_divergences(read_text(text_alone(weights)), visual_TMN)
            return _mean(apart_TM, counts_TM)

        terms.append((modalities, between_modalities))

    def loss_of(weights: AdapterWeights) -> Tensor:
        return torch.stack([weight * term(weights) for weight, term in terms]).sum(0)

    return loss_of


def support_loss(weights: AdapterWeights, support: Support) -> Float[Tensor, " T"]:
    """The mean cross-entropy of the shots that are there; 0 without any."""
    own_TNK = own_log_probability(weights, support)
    return -_mean(own_TNK.flatten(1), support.present_TNK.flatten(1))


def own_log_probability(weights: AdapterWeights, support: Support) -> Float[Tensor, "T N K"]:
    """The log-probability of each picture's own class."""
    n_way, n_shot = support.support_TNKD.shape[1:3]
    own_TX = _own(classify(support.support_TNKD.flatten(1, 2), weights), n_way, n_shot)
    return own_TX.reshape(-1, n_way, n_shot)


def _reader(start: AdapterWeights, rows_TXD: Tensor) -> Callable[[AdapterWeights], Tensor]:
    """`classify` for these rows; what the steps do not change is computed once."""
    adapted_TXD = apply_adapter(rows_TXD, start)
    scaled_TXD = start.logit_scale[:, None, None] * adapted_TXD
    from_cache = cache_logits(adapted_TXD, start)

    def read(weights: AdapterWeights) -> Tensor:
        # Vectors on the left: the other way round, the batched product of their gradient takes
        # torch eight times as long.
        logits_TXN = (weights.classes @ scaled_TXD.mT).mT
        return logits_TXN + weights.class_bias[:, None] + from_cache

    return read


def _mean(each_TX: Tensor, counts_TX: Tensor) -> Float[Tensor, " T"]:
    """The mean over the places that count; 0 without any."""
    # Where, not a product: the own class of a padded shot may be masked, and 0 · ∞ is no number.
    return torch.where(counts_TX, each_TX, 0.0).sum(1) / counts_TX.sum(1).clamp(min=1)


def _own(logits_TXN: Tensor, n_way: int, n_shot: int) -> Tensor:
    """(T, X) log-probability of its own class for each row, class by class."""
    labels_X = torch.arange(n_way, device=logits_TXN.device).repeat_interleave(n_shot)
    labels_TX1 = labels_X.expand(len(logits_TXN), -1)[..., None]
    return logits_TXN.log_softmax(-1).gather(-1, labels_TX1)[..., 0]
