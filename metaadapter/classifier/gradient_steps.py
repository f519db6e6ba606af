"""Gradient steps on the support from a predicted adapter, anchored to where they start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter import AdapterWeights, apply_adapter, classify
from metaadapter.adapter.apply import cache_logits, class_logits

__all__ = ["Moves", "gradient_steps", "support_loss", "with_mlp"]

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
) -> Iterator[AdapterWeights]:
    """The adapters after 1, 2, 3 … full-batch steps of Adam; endless.

    Each changed tensor is θ₀ + u v with u the root mean square of θ₀, and the loss of a task is
    the mean cross-entropy of its support plus anchor · the sum over tensors of mean v²: an L2
    anchor to the prediction (as ProLIP's Frobenius anchor to the pre-trained matrix), in units
    that are those of the tensor. Tasks do not see one another: their losses are summed and Adam
    works element by element.

    Args:
        start: Predicted, with a leading task axis.
        support_TNKD: Unit rows.
        support_mask_TNK: Which rows are there. A task without any stays.
        moves: What is changed.
        lr: Of Adam, in units of u.
        anchor_T: How strongly each task holds to its start.

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
    logits_of = _logits(fixed, support_TNKD.flatten(1, 2), moves)
    while True:
        optimizer.zero_grad()
        with torch.enable_grad():
            current = _moved(fixed, units, offsets)
            loss_T = _cross_entropy(logits_of(current), support_mask_TNK)
            held_T = sum(
                (shares[name] * offset.square()).flatten(1).sum(1)
                for name, offset in offsets.items()
            )
            total = ((loss_T + anchor_T * held_T) * has_shots_T).sum()
        gradients = torch.autograd.grad(total, tuple(offsets.values()))
        for offset, gradient in zip(offsets.values(), gradients, strict=True):
            offset.grad = gradient
        optimizer.step()
        with torch.no_grad():
            yield _moved(fixed, units, offsets)


def support_loss(
    weights: AdapterWeights,
    support_TNKD: Float[Tensor, "T N K D"],
    support_mask_TNK: Bool[Tensor, "T N K"],
) -> Float[Tensor, " T"]:
    """Mean cross-entropy of the shots that are there; 0 without any."""
    return _cross_entropy(classify(support_TNKD.flatten(1, 2), weights), support_mask_TNK)


def own_log_probability(
    weights: AdapterWeights, support_TNKD: Float[Tensor, "T N K D"]
) -> Float[Tensor, "T N K"]:
    """Log-probability of each picture's own class."""
    n_way, n_shot = support_TNKD.shape[1:3]
    own_TX = _own(classify(support_TNKD.flatten(1, 2), weights), n_way, n_shot)
    return own_TX.reshape(-1, n_way, n_shot)


def _logits(
    start: AdapterWeights, rows_TXD: Tensor, moves: Moves
) -> Callable[[AdapterWeights], Tensor]:
    """`classify` of the rows, without what the steps do not change."""
    if moves != "classes":
        return partial(classify, rows_TXD)
    adapted_TXD = apply_adapter(rows_TXD, start)
    from_cache = cache_logits(adapted_TXD, start)
    return lambda weights: class_logits(adapted_TXD, weights) + from_cache


def _cross_entropy(logits_TXN: Tensor, support_mask_TNK: Tensor) -> Tensor:
    own_TX = _own(logits_TXN, *support_mask_TNK.shape[1:])
    n_shots_T = support_mask_TNK.sum((1, 2)).clamp(min=1)
    # Where, not a product: the own class of a padded shot may be masked, and 0 · ∞ is no number.
    return -torch.where(support_mask_TNK.flatten(1), own_TX, 0.0).sum(1) / n_shots_T


def _own(logits_TXN: Tensor, n_way: int, n_shot: int) -> Tensor:
    """(T, X) log-probability of its own class for each row, class by class."""
    labels_X = torch.arange(n_way, device=logits_TXN.device).repeat_interleave(n_shot)
    labels_TX1 = labels_X.expand(len(logits_TXN), -1)[..., None]
    return logits_TXN.log_softmax(-1).gather(-1, labels_TX1)[..., 0]


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
