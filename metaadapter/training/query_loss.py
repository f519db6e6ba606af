"""The loss of queries, on one scale in tasks of few and of many classes."""

from __future__ import annotations

from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from episodes import EpisodeBatch


def query_loss(logits_TQN: Float[Tensor, "T Q N"], batch: EpisodeBatch) -> Float[Tensor, ""]:
    """Return the mean of `query_losses` over tasks."""
    return query_losses(logits_TQN, batch.query_labels_TQ, batch.class_mask_TN).mean()


def query_losses(
    logits_TQN: Float[Tensor, "T Q N"],
    labels_TQ: Int[Tensor, "T Q"],
    class_mask_TN: Bool[Tensor, "T N"],
) -> Float[Tensor, " T"]:
    """Return each task's mean cross-entropy over log(ways); a label of −1 does not count."""
    losses_TQ = cross_entropy(
        logits_TQN.flatten(0, 1), labels_TQ.flatten(), ignore_index=-1, reduction="none"
    ).view_as(labels_TQ)
    n_queries_T = (labels_TQ >= 0).sum(-1).clamp(min=1)
    n_way_T = class_mask_TN.sum(-1).clamp(min=2).to(logits_TQN.dtype)
    return losses_TQ.sum(-1) / n_queries_T / n_way_T.log()
