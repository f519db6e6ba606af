"""What gradient steps lower: cross-entropy of the support, and disagreement about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter import AdapterWeights, Support, apply_adapter, classify
from metaadapter.adapter.apply import cache_logits
from metaadapter.adapter.consistency import (
    symmetric_divergences,
    text_alone,
    visual_alone,
    zero_shot,
)

__all__ = ["Consistency", "own_log_probability", "support_loss", "support_objective"]


@dataclass(frozen=True, slots=True)
class Consistency:
    """What the loss holds an adapter to beside the labels of its support; nothing by default."""

    views: float = 0.0
    """The weight of the divergence between the predictions for a view and for its picture."""
    modalities: float = 0.0
    """The weight of the divergence between the visual adapter alone, with zero-shot CLIP's texts,
    and the text adapter alone, in tasks whose classes all have texts."""


def support_objective(
    start: AdapterWeights, support: Support, consistency: Consistency
) -> Callable[[AdapterWeights], Float[Tensor, " T"]]:
    """The loss of each task as a function of its adapter; 0 for a task without a shot.

    Args:
        start: The adapters that the steps start from. Only class vectors and biases may differ from
            them, so that the rest is computed once.
        support: The pictures. Where it has their views, cross-entropy is over all of these.
        consistency: What is added to the cross-entropy.

    Raises:
        UsageError: The term of the modalities needs the temperature, and it is not known.
    """
    mask_TNK, views_TNKVD = support.present_TNK, support.views_TNKVD
    rows_TMD, mask_TM = support.support_TNKD.flatten(1, 2), mask_TNK.flatten(1)
    if views_TNKVD is None:
        views_TNKVD = support.support_TNKD[..., None, :]
    n_views = views_TNKVD.shape[3]
    has_view_TNX = mask_TNK.repeat_interleave(n_views, -1)
    read_views = _reader(start, views_TNKVD.flatten(1, 3))

    def labels(weights: AdapterWeights) -> Tensor:
        return _cross_entropy(read_views(weights), has_view_TNX)

    terms = [(1.0, labels)]
    if consistency.views and n_views > 1:
        read_pictures = _reader(start, rows_TMD)

        def between_views(weights: AdapterWeights) -> Tensor:
            whole_TXN = read_pictures(weights).repeat_interleave(n_views, 1)
            apart_TX = symmetric_divergences(read_views(weights), whole_TXN)
            return _mean(apart_TX, has_view_TNX.flatten(1))

        terms.append((consistency.views, between_views))
    if consistency.modalities:
        unadapted = zero_shot(support)
        read_text = _reader(text_alone(start), rows_TMD)
        is_named_T = (support.text_TND.any(-1) | ~support.class_mask_TN).all(-1)
        counts_TM = mask_TM & is_named_T[:, None]

        def between_modalities(weights: AdapterWeights) -> Tensor:
            visual_TMN = classify(rows_TMD, visual_alone(weights, unadapted))
            apart_TM = symmetric_divergences(read_text(text_alone(weights)), visual_TMN)
            return _mean(apart_TM, counts_TM)

        terms.append((consistency.modalities, between_modalities))

    def loss_of(weights: AdapterWeights) -> Tensor:
        return torch.stack([weight * term(weights) for weight, term in terms]).sum(0)

    return loss_of


def support_loss(weights: AdapterWeights, support: Support) -> Float[Tensor, " T"]:
    """The mean cross-entropy of the shots that are there; 0 without any."""
    logits_TMN = classify(support.support_TNKD.flatten(1, 2), weights)
    return _cross_entropy(logits_TMN, support.present_TNK)


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


def _cross_entropy(logits_TXN: Tensor, support_mask_TNK: Tensor) -> Tensor:
    own_TX = _own(logits_TXN, *support_mask_TNK.shape[1:])
    return -_mean(own_TX, support_mask_TNK.flatten(1))


def _mean(each_TX: Tensor, counts_TX: Tensor) -> Float[Tensor, " T"]:
    """The mean over the places that count; 0 without any."""
    # Where, not a product: the own class of a padded shot may be masked, and 0 · ∞ is no number.
    return torch.where(counts_TX, each_TX, 0.0).sum(1) / counts_TX.sum(1).clamp(min=1)


def _own(logits_TXN: Tensor, n_way: int, n_shot: int) -> Tensor:
    """(T, X) log-probability of its own class for each row, class by class."""
    labels_X = torch.arange(n_way, device=logits_TXN.device).repeat_interleave(n_shot)
    labels_TX1 = labels_X.expand(len(logits_TXN), -1)[..., None]
    return logits_TXN.log_softmax(-1).gather(-1, labels_TX1)[..., 0]
