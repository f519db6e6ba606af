"""Gradient steps on the support from a predicted adapter, through which one can differentiate."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from metaadapter.adapter import AdapterWeights, Support
from metaadapter.classifier.gradient_steps import support_loss

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

    Plain gradient descent on the cross-entropy of the support plus anchor · the mean over classes
    of ‖w − w₀‖² + (b − b₀)², with w₀ and b₀ as predicted. Everything else stays as predicted.

    Args:
        weights: The predicted adapters of T tasks; a class that is masked out has a bias of −∞.
        support: The tasks; one without any picture is not changed.
        n_steps: The number of steps; 0 gives the weights back.
        lr: What gradients are multiplied with.
        anchor: How strongly the predicted values hold.
        order: "second" differentiates through the steps as they are; "first" takes the gradients
            in them as constants (first-order MAML), at the price of a forward pass each.
    """
    classes_TND, bias_TN = weights.classes, weights.class_bias
    for _ in range(n_steps):
        steps = _gradients(weights, classes_TND, bias_TN, support, anchor, order)
        classes_TND = classes_TND - lr * steps[0]
        bias_TN = bias_TN - lr * steps[1]
    return replace(weights, classes=classes_TND, class_bias=bias_TN)


def _gradients(
    start: AdapterWeights,
    classes_TND: Tensor,
    bias_TN: Tensor,
    support: Support,
    anchor: float,
    order: str,
) -> tuple[Tensor, ...]:
    second = order == "second"
    if not second:
        start = start.map(torch.Tensor.detach)
        classes_TND, bias_TN = classes_TND.detach(), bias_TN.detach()
    with torch.enable_grad():
        point = tuple(_differentiable(tensor) for tensor in (classes_TND, bias_TN))
        current = replace(start, classes=point[0], class_bias=point[1])
        loss_T = support_loss(current, support)
        loss_T = loss_T + anchor * _distance(current, start, support.present_TNK)
        return torch.autograd.grad(loss_T.sum(), point, create_graph=second)


def _differentiable(tensor: Tensor) -> Tensor:
    return tensor if tensor.requires_grad else tensor.detach().requires_grad_()


def _distance(weights: AdapterWeights, start: AdapterWeights, mask_TNK: Tensor) -> Tensor:
    """(T,) mean over classes of the squared distance from the start; 0 without a shot."""
    present_TN = start.class_bias.isfinite()
    moved_TN = torch.where(present_TN, weights.class_bias, 0.0)
    moved_TN = moved_TN - torch.where(present_TN, start.class_bias, 0.0)
    square_TN = (weights.classes - start.classes).square().sum(-1) + moved_TN.square()
    n_way_T = present_TN.sum(-1).clamp(min=1)
    has_shots_T = mask_TNK.any(-1).any(-1)
    return (square_TN * present_TN).sum(-1) / n_way_T * has_shots_T
