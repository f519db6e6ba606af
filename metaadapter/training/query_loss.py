"""How wrong answers are, alike in tasks of few classes and of many."""

from __future__ import annotations

from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from episodes import EpisodeBatch


def query_loss(logits_TQN: Float[Tensor, "T Q N"], batch: EpisodeBatch) -> Float[Tensor, ""]:
    """Mean over tasks of the mean cross-entropy of a task's queries divided by log(ways)."""
    return losses(logits_TQN, batch.query_labels_TQ, batch.class_mask_TN).mean()


def losses(
    logits_TQN: Float[Tensor, "T Q N"],
    labels_TQ: Int[Tensor, "T Q"],
    class_mask_TN: Bool[Tensor, "T N"],
) -> Float[Tensor, " T"]:
    """The same of each task for pictures with these labels; −1 marks one that does not count."""
    each_TQ = cross_entropy(
        logits_TQN.flatten(0, 1), labels_TQ.flatten(), ignore_index=-1, reduction="none"
    ).view_as(labels_TQ)
    n_queries_T = (labels_TQ >= 0).sum(-1).clamp(min=1)
    n_way_T = class_mask_TN.sum(-1).clamp(min=2).to(logits_TQN.dtype)
    return each_TQ.sum(-1) / n_queries_T / n_way_T.log()
