"""Gradient steps on the support from a predicted adapter, anchored to where they start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter import AdapterWeights
from metaadapter.classifier.support_loss import Consistency, support_objective

__all__ = ["Moves", "gradient_steps", "per_task", "with_mlp"]

Moves = Literal["classes", "bottleneck", "both", "mlp"]
"""What the steps change: class vectors and biases; the visual bottleneck; both; or the class
vectors and a bottleneck as wide as CLIP-Adapter's, D/4, beside the predicted one."""

CLASSES = ("classes", "class_bias")
BOTTLENECK = ("down", "bias", "up")
MLP_SHARE = 4
# torch's own: what keeps Adam from stepping along gradients that are rounding alone.
EPSILON = 1e-8
MOVED: dict[Moves, tuple[str, ...]] = {
    "classes": CLASSES,
    "bottleneck": BOTTLENECK,
    "both": CLASSES + BOTTLENECK,
    "mlp": CLASSES + BOTTLENECK,
}


def gradient_steps(
    start: AdapterWeights,
    support_TNKD: Float[Tensor, "T N K D"],
    support_mask_TNK: Bool[Tensor, "T N K"],
    *,
    moves: Moves,
    lr: float,
    anchor_T: Float[Tensor, " T"],
    consistency: Consistency | None = None,
) -> Iterator[AdapterWeights]:
    """The adapters after 1, 2, 3 … full-batch steps of Adam; endless.

    Each changed tensor is θ₀ + u v with u the root mean square of θ₀, and the loss of a task is
    the mean cross-entropy of its support, plus the terms of `consistency`, plus anchor · the sum
    over tensors of mean v²: an L2 anchor to the prediction (as ProLIP's Frobenius anchor to the
    pre-trained matrix), in units that are those of the tensor. Tasks do not see one another: their
    losses are summed and Adam works element by element.

    Args:
        start: Predicted, with a leading task axis.
        support_TNKD: Unit rows.
        support_mask_TNK: Which rows are there. A task without any stays.
        moves: What is changed.
        lr: Of Adam, in units of u.
        anchor_T: How strongly each task holds to its start.
        consistency: What else a task is held to; nothing by default.

    Raises:
        ValueError: the bottleneck is to move and the adapter has none.
    """
    if moves != "classes" and start.visual is None:
        raise ValueError(f"moves={moves!r} needs an adapter with a bottleneck, and this has none")
    fixed = start.map(torch.Tensor.detach)
    places = {name: getattr(fixed, name) for name in MOVED[moves]}
    # What belongs to a class that is not there neither sets a unit nor counts in a mean.
    is_there_TN = fixed.class_bias.isfinite()
    shares = {name: _shares(name, tensor, is_there_TN) for name, tensor in places.items()}
    units = {name: _unit(tensor, shares[name]) for name, tensor in places.items()}
    offsets = {name: torch.zeros_like(tensor).requires_grad_() for name, tensor in places.items()}
    optimizer = torch.optim.Adam(offsets.values(), lr=lr, eps=EPSILON)
    has_shots_T = support_mask_TNK.flatten(1).any(-1)
    loss_of = support_objective(
        fixed,
        support_TNKD,
        support_mask_TNK,
        consistency or Consistency(),
        only_classes=moves == "classes",
    )
    while True:
        optimizer.zero_grad()
        with torch.enable_grad():
            current = _moved(fixed, units, offsets)
            held_T = sum(
                (shares[name] * offset.square()).flatten(1).sum(1)
                for name, offset in offsets.items()
            )
            total = ((loss_of(current) + anchor_T * held_T) * has_shots_T).sum()
        gradients = torch.autograd.grad(total, tuple(offsets.values()))
        for offset, gradient in zip(offsets.values(), gradients, strict=True):
            offset.grad = gradient
        optimizer.step()
        with torch.no_grad():
            yield _moved(fixed, units, offsets)


def with_mlp(start: AdapterWeights) -> AdapterWeights:
    """The same function with D/4 hidden units more, whose outputs are zero until they are moved.

    Their inputs are random directions, the same for every task, as long as the predicted ones.
    """
    assert start.visual is not None
    _, down, bias, up, _ = start.visual
    width = down.shape[-1]
    n_new = max(1, width // MLP_SHARE)
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(n_new, width, generator=generator, dtype=torch.float64)
    directions = directions / directions.norm(dim=-1, keepdim=True)
    length = down.norm(dim=-1).mean(-1)[..., None, None]
    new_down = length * directions.to(down)
    return replace(
        start,
        down=torch.cat([down, new_down], -2),
        bias=torch.cat([bias, bias.new_zeros(*bias.shape[:-1], n_new)], -1),
        up=torch.cat([up, up.new_zeros(*up.shape[:-1], n_new)], -1),
    )


def _shares(name: str, tensor: Tensor, is_there_TN: Tensor) -> Tensor:
    """Weight of each entry in a mean over a task's entries, of the classes that are there."""
    there = torch.ones_like(tensor)
    if name in CLASSES:
        there = there * is_there_TN.reshape(*is_there_TN.shape, *[1] * (tensor.ndim - 2))
    return there / per_task(there.flatten(1).sum(1).clamp(min=1), tensor)


def _unit(tensor: Tensor, shares: Tensor) -> Tensor:
    """Root mean square of each task's entries; 1 where all are zero."""
    entries = torch.where(tensor.isfinite(), tensor, 0.0)
    unit_T = (shares * entries.square()).flatten(1).sum(1).sqrt()
    return per_task(torch.where(unit_T > 0, unit_T, 1.0), tensor)


def per_task(values_T: Tensor, tensor: Tensor) -> Tensor:
    """One value a task, to be multiplied with a tensor."""
    return values_T.reshape(-1, *[1] * (tensor.ndim - 1))


def _moved(
    start: AdapterWeights, units: dict[str, Tensor], offsets: dict[str, Tensor]
) -> AdapterWeights:
    moved = {name: getattr(start, name) + units[name] * offset for name, offset in offsets.items()}
    return replace(start, **moved)
