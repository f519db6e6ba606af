"""Gradient steps on the support from a predicted adapter, anchored to the prediction."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.divergence import symmetric_divergences
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, apply_adapter, cache_logits, classify
from metaadapter.errors import UsageError

MOVED = ("classes", "class_bias")
"""The tensors that steps change. The visual bottleneck too gains nothing:
docs/explanation/gradient-steps.md."""
# The default of torch, which keeps Adam from stepping along gradients of mere rounding.
EPSILON = 1e-8


@dataclass(frozen=True, slots=True)
class FineTune:
    """The settings of gradient steps that refine a predicted adapter on its support."""

    n_steps: int | None = None
    """The number of gradient steps; 0 is the prediction itself. `None` takes as many as pictures
    left out of the support confirm: 0 to 80."""
    lr: float = 0.02
    """The learning rate of Adam, in units of the root mean square of what moves."""
    anchor: float = 1.0
    """The strength of the L2 anchor to the prediction at one shot; divided by the mean shots, as in
    ProLIP (Fahes et al. 2024)."""
    # Neither weight gains anything on the training sets: docs/explanation/gradient-steps.md.
    modalities: float = 0.0
    """The weight of the divergence between the visual adapter alone, with zero-shot CLIP's texts,
    and the text adapter alone, in tasks whose classes all have texts."""
    views: float = 0.0
    """The weight of the divergence between a view and its picture, where views are given."""

    def __post_init__(self) -> None:
        if self.n_steps is not None and self.n_steps < 0:
            raise UsageError(f"n_steps must be at least 0 or None, got {self.n_steps}")
        if not (self.lr > 0 and self.anchor >= 0):
            raise UsageError(
                f"lr must be above 0 and anchor at least 0, got lr {self.lr}, anchor {self.anchor}"
            )
        if not (0 <= self.modalities < math.inf and 0 <= self.views < math.inf):
            raise UsageError(
                "the weights of modalities and views must be numbers of at least 0, got "
                f"modalities {self.modalities}, views {self.views}"
            )


def gradient_steps(
    start: AdapterWeights, support: Support, settings: FineTune
) -> Iterator[AdapterWeights]:
    """The adapters after 1, 2, 3 … full-batch steps of Adam on class vectors and biases; endless.

    Each changed tensor is θ₀ + u v with u the root mean square of θ₀, and the loss of a task is
    `support_objective` plus anchor · the sum over tensors of mean v²: an L2 anchor to the
    prediction (as ProLIP's Frobenius anchor to the pre-trained matrix), in units that are those of
    the tensor. Tasks are independent: losses are summed, and Adam works element by element. The
    adapter of a task without any picture stays. `settings.n_steps` is ignored.
    """
    fixed = start.map(torch.Tensor.detach)
    # A class that is masked out neither sets a unit nor counts in a mean.
    present_TN1 = fixed.class_bias.isfinite()[..., None].to(fixed.classes.dtype)
    n_present_T11 = present_TN1.sum(1, keepdim=True).clamp(min=1)
    starts = [fixed.classes, fixed.class_bias[..., None]]
    parts = [present_TN1 / (n_present_T11 * tensor.shape[-1]) for tensor in starts]
    units = [_unit(tensor, part) for tensor, part in zip(starts, parts, strict=True)]
    offsets = [torch.zeros_like(tensor).requires_grad_() for tensor in starts]
    optimizer = torch.optim.Adam(offsets, lr=settings.lr, eps=EPSILON)
    anchor_T = settings.anchor / support.n_shot_T
    has_shots_T = support.present_TNK.flatten(1).any(-1)
    loss_of = support_objective(fixed, support, settings)

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
    """(T, 1, 1) the root mean square of each task's entries; 1 where all are zero."""
    entries_TNX = torch.where(tensor_TNX.isfinite(), tensor_TNX, 0.0)
    unit_T11 = (part_TN1 * entries_TNX.square()).sum((1, 2), keepdim=True).sqrt()
    return torch.where(unit_T11 > 0, unit_T11, 1.0)


def support_objective(
    start: AdapterWeights, support: Support, settings: FineTune
) -> Callable[[AdapterWeights], Float[Tensor, " T"]]:
    """The loss of each task as a function of its adapter; 0 for a task without a shot.

    Adapters differ from `start` in class vectors and biases only: the rest is computed once.
    Cross-entropy is over all views where the support has them.
    """
    rows_TMD, views_TNKVD = support.support_TNKD.flatten(1, 2), support.views_TNKVD
    if views_TNKVD is None:
        views_TNKVD = support.support_TNKD[..., None, :]
    n_views, mask_TM = views_TNKVD.shape[3], support.present_TNK.flatten(1)
    has_view_TX = mask_TM.repeat_interleave(n_views, -1)
    read_views = _reader(start, views_TNKVD.flatten(1, 3))
    read_pictures = _reader(start, rows_TMD) if settings.views and n_views > 1 else None
    read_text = _reader(start.text_alone(), rows_TMD) if settings.modalities else None
    is_named_T1 = (support.text_TND.any(-1) | ~support.class_mask_TN).all(-1, keepdim=True)

    def loss_of(weights: AdapterWeights) -> Tensor:
        views_TXN = read_views(weights)
        loss_T = -_mean(_own(views_TXN).flatten(1), has_view_TX)
        if read_pictures is not None:
            whole_TXN = read_pictures(weights).repeat_interleave(n_views, 1)
            divergence_TX = symmetric_divergences(views_TXN, whole_TXN)
            loss_T = loss_T + settings.views * _mean(divergence_TX, has_view_TX)
        if read_text is not None:
            visual_TMN = classify(rows_TMD, weights.visual_alone(support.zero_shot()))
            divergence_TM = symmetric_divergences(read_text(weights.text_alone()), visual_TMN)
            loss_T = loss_T + settings.modalities * _mean(divergence_TM, mask_TM & is_named_T1)
        return loss_T

    return loss_of


def support_loss(weights: AdapterWeights, support: Support) -> Float[Tensor, " T"]:
    """The mean cross-entropy of the labelled pictures; 0 without any."""
    log_p_TNK = own_log_probability(weights, support)
    return -_mean(log_p_TNK.flatten(1), support.present_TNK.flatten(1))


def own_log_probability(weights: AdapterWeights, support: Support) -> Float[Tensor, "T N K"]:
    """The log-probability of each picture's own class."""
    return _own(classify(support.support_TNKD.flatten(1, 2), weights))


def _reader(start: AdapterWeights, rows_TXD: Tensor) -> Callable[[AdapterWeights], Tensor]:
    """`classify` for these rows; what the steps do not change is computed once."""
    adapted_TXD = apply_adapter(rows_TXD, start)
    scaled_TXD = start.logit_scale[:, None, None] * adapted_TXD
    from_cache = cache_logits(adapted_TXD, start)

    def read(weights: AdapterWeights) -> Tensor:
        # Vectors on the left: on the right, torch takes eight times as long for the batched product
        # of their gradient.
        logits_TXN = (weights.classes @ scaled_TXD.mT).mT
        return logits_TXN + weights.class_bias[:, None] + from_cache

    return read


def _mean(values_TX: Tensor, counts_TX: Tensor) -> Float[Tensor, " T"]:
    """The mean over the places that count; 0 without any."""
    # Where, not a product: the own class of a padded shot may be masked, and 0 · ∞ is no number.
    return torch.where(counts_TX, values_TX, 0.0).sum(1) / counts_TX.sum(1).clamp(min=1)


def _own(logits_TXN: Tensor) -> Tensor:
    """(T, N, X / N) log-probability of its own class for each row, as many rows a class."""
    n_tasks, n_rows, n_way = logits_TXN.shape
    log_p_TNXN = logits_TXN.log_softmax(-1).reshape(n_tasks, n_way, n_rows // n_way, n_way)
    return log_p_TNXN.diagonal(dim1=1, dim2=3).mT
