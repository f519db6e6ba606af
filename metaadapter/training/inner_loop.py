"""Gradient steps on the support from a predicted adapter, through which one can differentiate."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from metaadapter.adapter import AdapterWeights, Support
from metaadapter.classifier.support_loss import support_loss

__all__ = ["adapt_steps"]

ANCHOR = 1.0
"""How strongly the predicted values hold in training."""


def adapt_steps(
    weights: AdapterWeights,
    support: Support,
    *,
    n_steps: int,
    lr: float,
    anchor: float = ANCHOR,
    order: Literal["first", "second"] = "first",
) -> AdapterWeights:
    """Fine-tune class vectors and biases of T adapters, each on its own support.

    Plain gradient descent at rate `lr` on the cross-entropy of the support plus `anchor` · the mean
    over classes of ‖w − w₀‖² + (b − b₀)², with w₀ and b₀ as predicted. Everything else stays as
    predicted, also a class that is masked out, whose bias is −∞, and a task without a picture.

    Order "second" differentiates through the steps as they are; "first" takes the gradients in them
    as constants (first-order MAML), at the price of a forward pass each.
    """
    point = weights.classes, weights.class_bias
    for _ in range(n_steps):
        gradients = _gradients(weights, point, support, anchor, second=order == "second")
        point = point[0] - lr * gradients[0], point[1] - lr * gradients[1]
    return replace(weights, classes=point[0], class_bias=point[1])


def _gradients(
    start: AdapterWeights,
    point: tuple[Tensor, Tensor],
    support: Support,
    anchor: float,
    *,
    second: bool,
) -> tuple[Tensor, ...]:
    if not second:
        start, point = start.map(Tensor.detach), (point[0].detach(), point[1].detach())
    with torch.enable_grad():
        classes, bias = (x if x.requires_grad else x.detach().requires_grad_() for x in point)
        current = replace(start, classes=classes, class_bias=bias)
        loss_T = support_loss(current, support)
        loss_T = loss_T + anchor * _distance(current, start, support.present_TNK)
        return torch.autograd.grad(loss_T.sum(), (classes, bias), create_graph=second)


def _distance(weights: AdapterWeights, start: AdapterWeights, mask_TNK: Tensor) -> Tensor:
    """(T,) mean over classes of the squared distance from the start; 0 without a shot."""
    present_TN = start.class_bias.isfinite()
    moved_TN = torch.where(present_TN, weights.class_bias, 0.0)
    moved_TN = moved_TN - torch.where(present_TN, start.class_bias, 0.0)
    square_TN = (weights.classes - start.classes).square().sum(-1) + moved_TN.square()
    n_way_T = present_TN.sum(-1).clamp(min=1)
    has_shots_T = mask_TNK.any(-1).any(-1)
    return (square_TN * present_TN).sum(-1) / n_way_T * has_shots_T
