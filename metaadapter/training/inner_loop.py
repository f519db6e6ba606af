"""Differentiable gradient steps from the predicted adapter on its support."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.workflow.gradient_steps import support_objective

ANCHOR = 1.0
"""The weight of the term that pulls the steps back to the predicted values."""


def adapt_steps(
    weights: AdapterWeights,
    support: Support,
    *,
    n_steps: int,
    lr: float,
    order: Literal["first", "second"] = "first",
) -> AdapterWeights:
    """Return T adapters with class vectors and biases fine-tuned, each on its own support.

    This is gradient descent at rate `lr` on the cross-entropy of the support plus `ANCHOR` · the
    mean over classes of ‖w − w₀‖² + (b − b₀)², where w₀ and b₀ are the predicted values. All else
    stays as predicted; so do masked-out classes, whose bias is −∞, and tasks without a picture.

    Order "second" differentiates through the steps (MAML, Finn et al. 2017). "first" treats their
    gradients as constants (first-order MAML), so each step costs one forward and backward pass.
    """
    point = weights.classes, weights.class_bias
    for _ in range(n_steps):
        gradients = _gradients(weights, point, support, second=order == "second")
        point = point[0] - lr * gradients[0], point[1] - lr * gradients[1]
    return replace(weights, classes=point[0], class_bias=point[1])


def _gradients(
    start: AdapterWeights,
    point: tuple[Tensor, Tensor],
    support: Support,
    *,
    second: bool,
) -> tuple[Tensor, ...]:
    if not second:
        start, point = start.map(Tensor.detach), (point[0].detach(), point[1].detach())
    with torch.enable_grad():
        classes, bias = (x if x.requires_grad else x.detach().requires_grad_() for x in point)
        current = replace(start, classes=classes, class_bias=bias)
        loss_T = support_objective(current, support)(current)
        loss_T = loss_T + ANCHOR * _distance(current, start, support.present_TNK)
        return torch.autograd.grad(loss_T.sum(), (classes, bias), create_graph=second)


def _distance(
    weights: AdapterWeights, start: AdapterWeights, mask_TNK: Bool[Tensor, "T N K"]
) -> Float[Tensor, " T"]:
    """Return the classes' mean squared distance from the start; 0 in a task without pictures."""
    present_TN = start.class_bias.isfinite()
    moved_TN = torch.where(present_TN, weights.class_bias, 0.0)
    moved_TN = moved_TN - torch.where(present_TN, start.class_bias, 0.0)
    square_TN = (weights.classes - start.classes).square().sum(-1) + moved_TN.square()
    n_way_T = present_TN.sum(-1).clamp(min=1)
    has_shots_T = mask_TNK.any(-1).any(-1)
    return (square_TN * present_TN).sum(-1) / n_way_T * has_shots_T
