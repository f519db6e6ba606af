"""Gradient steps on the support from a predicted adapter, anchored to where they start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter import AdapterWeights, Support
from metaadapter.classifier.support_loss import Consistency, support_objective

__all__ = ["gradient_steps", "per_task"]

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
    consistency: Consistency | None = None,
) -> Iterator[AdapterWeights]:
    """The adapters after 1, 2, 3 … full-batch steps of Adam on class vectors and biases; endless.

    Each changed tensor is θ₀ + u v with u the root mean square of θ₀, and the loss of a task is
    the mean cross-entropy of its support, plus the terms of `consistency`, plus anchor · the sum
    over tensors of mean v²: an L2 anchor to the prediction (as ProLIP's Frobenius anchor to the
    pre-trained matrix), in units that are those of the tensor. Tasks do not see one another: their
    losses are summed and Adam works element by element.

    Args:
        start: The predicted adapters, with a leading task axis.
        support: The pictures to learn from. The adapter of a task without any stays.
        lr: The learning rate of Adam, in units of u.
        anchor_T: How strongly each task holds to its start.
        consistency: What else the loss holds a task to; nothing by default.
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
    loss_of = support_objective(fixed, support, consistency or Consistency())

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
    return there / per_task(there.flatten(1).sum(1).clamp(min=1), tensor)


def _unit(tensor: Tensor, parts: Tensor) -> Tensor:
    """The root mean square of each task's entries; 1 where all are zero."""
    entries = torch.where(tensor.isfinite(), tensor, 0.0)
    unit_T = (parts * entries.square()).flatten(1).sum(1).sqrt()
    return per_task(torch.where(unit_T > 0, unit_T, 1.0), tensor)


def per_task(values_T: Tensor, tensor: Tensor) -> Tensor:
    """One value a task, in the shape that multiplies a tensor."""
    return values_T.reshape(-1, *[1] * (tensor.ndim - 1))
