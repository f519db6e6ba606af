"""Gradient steps that refine a predicted adapter on its support, anchored to the prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, apply_adapter, classify
from metaadapter.errors import UsageError
from metaadapter.generator.canonical import mean_where

MOVED = ("classes", "class_bias")
"""The tensors that steps change. Steps on the visual bottleneck gain no accuracy:
docs/explanation/gradient-steps.md."""
# The default in torch, which keeps Adam from following gradients that are only rounding errors.
EPSILON = 1e-8


@dataclass(frozen=True, slots=True)
class FineTune:
    """The settings of gradient steps that refine a predicted adapter on its support."""

    n_steps: int | None = None
    """The number of gradient steps; 0 keeps the prediction. `None` chooses the number, from 0 to
    80, on pictures left out of the support; with a pool it is 0."""
    lr: float = 0.02
    """The learning rate of Adam, as a fraction of a tensor's root mean square."""
    anchor: float = 1.0
    """The strength of the L2 anchor to the prediction; it is divided by the mean number of shots,
    as in ProLIP (Fahes et al. 2024)."""

    def __post_init__(self) -> None:
        if self.n_steps is not None and self.n_steps < 0:
            raise UsageError(f"n_steps must be at least 0 or None, got {self.n_steps}")
        if not (self.lr > 0 and self.anchor >= 0):
            raise UsageError(
                f"lr must be above 0 and anchor at least 0, got lr {self.lr}, anchor {self.anchor}"
            )


def gradient_steps(
    start: AdapterWeights, support: Support, settings: FineTune
) -> Iterator[AdapterWeights]:
    """Yield the adapters after 1, 2, 3 … full-batch steps of Adam on class vectors and biases.

    A changed tensor is θ₀ + u v: θ₀ is the prediction, u its root mean square, and Adam moves v
    from 0. The loss of a task is `support_objective` + anchor · Σ mean v², summed over the tensors:
    an L2 anchor to the prediction, as ProLIP's Frobenius anchor to the pre-trained matrix. Tasks
    are independent, as losses are summed and Adam works element by element. A task without any
    picture keeps its adapter. `settings.n_steps` is ignored: the iterator does not end.
    """
    fixed = start.map(torch.Tensor.detach)
    # A masked class must not change a unit or a mean.
    present_TN1 = fixed.class_bias.isfinite()[..., None].to(fixed.classes.dtype)
    n_present_T11 = present_TN1.sum(1, keepdim=True).clamp(min=1)
    starts = [fixed.classes, fixed.class_bias[..., None]]
    parts = [present_TN1 / (n_present_T11 * tensor.shape[-1]) for tensor in starts]
    units = [_unit(tensor, part) for tensor, part in zip(starts, parts, strict=True)]
    offsets = [torch.zeros_like(tensor).requires_grad_() for tensor in starts]
    optimizer = torch.optim.Adam(offsets, lr=settings.lr, eps=EPSILON)
    anchor_T = settings.anchor / support.n_shot_T
    has_shots_T = support.present_TNK.flatten(1).any(-1)
    loss_of = support_objective(fixed, support)

    def moved() -> AdapterWeights:
        places = zip(starts, units, offsets, strict=True)
        classes_TND, bias_TN1 = (start + unit * offset for start, unit, offset in places)
        return replace(fixed, classes=classes_TND, class_bias=bias_TN1[..., 0])

    while True:
        with torch.enable_grad():
            held_T = sum(
                (part * offset.square()).sum((1, 2))
                for part, offset in zip(parts, offsets, strict=True)
            )
            total = ((loss_of(moved()) + anchor_T * held_T) * has_shots_T).sum()
        for offset, gradient in zip(offsets, torch.autograd.grad(total, offsets), strict=True):
            offset.grad = gradient
        optimizer.step()
        with torch.no_grad():
            yield moved()


def _unit(tensor_TNX: Tensor, part_TN1: Tensor) -> Tensor:
    """Return (T, 1, 1) the root mean square of each task's entries; 1 if all are zero."""
    entries_TNX = torch.where(tensor_TNX.isfinite(), tensor_TNX, 0.0)
    unit_T11 = (part_TN1 * entries_TNX.square()).sum((1, 2), keepdim=True).sqrt()
    return torch.where(unit_T11 > 0, unit_T11, 1.0)


def support_objective(
    start: AdapterWeights, support: Support
) -> Callable[[AdapterWeights], Float[Tensor, " T"]]:
    """Return a function from adapters to the cross-entropy of each task; 0 without a shot.

    These adapters may differ from `start` only in class vectors and biases; the rest is computed
    once.
    """
    present_TM = support.present_TNK.flatten(1)
    adapted_TMD = apply_adapter(support.support_TNKD.flatten(1, 2), start)
    scaled_TMD = start.logit_scale[:, None, None] * adapted_TMD

    def loss_of(weights: AdapterWeights) -> Tensor:
        # With the class vectors on the right, torch takes eight times as long for the batched
        # product in their gradient.
        logits_TMN = (weights.classes @ scaled_TMD.mT).mT + weights.class_bias[:, None]
        return -mean_where(_own(logits_TMN).flatten(1), present_TM)

    return loss_of


def own_log_probability(weights: AdapterWeights, support: Support) -> Float[Tensor, "T N K"]:
    """Return the log-probability of each picture's own class."""
    return _own(classify(support.support_TNKD.flatten(1, 2), weights))


def _own(logits_TMN: Tensor) -> Float[Tensor, "T N K"]:
    """Return the log-probabilities of own classes, from logits of the pictures class by class."""
    n_tasks, n_places, n_way = logits_TMN.shape
    log_p_TNKN = logits_TMN.log_softmax(-1).reshape(n_tasks, n_way, n_places // n_way, n_way)
    return log_p_TNKN.diagonal(dim1=1, dim2=3).mT
