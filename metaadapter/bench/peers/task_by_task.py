"""Peers that fit tasks one by one, without padding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, LogitFunction

# Replaces a probability of 0, whose logarithm would make any mean log loss infinite.
LEAST_PROBABILITY = 1e-6


@dataclass(frozen=True, slots=True)
class Task:
    """One task in float64: N classes, M labelled pictures and U unlabelled ones, as unit rows."""

    rows_MD: Float[Tensor, "M D"]
    labels_M: Int[Tensor, " M"]
    """Classes 0 … N − 1; a class may have no picture."""
    pool_UD: Float[Tensor, "U D"]
    """Without rows if there is no pool."""
    text_ND: Float[Tensor, "N D"]
    """A row of zeros for a class without a text."""
    support: Support
    """The batch that the task is from; it has the temperature, or raises if none is known."""
    index: int

    @property
    def scale(self) -> Float[Tensor, ""]:
        """The encoder's inverse temperature s."""
        return self.support.scale_T[self.index].to(self.text_ND)

    @property
    def points_PD(self) -> Float[Tensor, "P D"]:
        """All pictures: first the pool, then the labelled pictures."""
        return torch.cat([self.pool_UD, self.rows_MD])

    @property
    def targets_MN(self) -> Float[Tensor, "M N"]:
        """The classes of the labelled pictures, one-hot."""
        return torch.eye(len(self.text_ND)).to(self.text_ND)[self.labels_M]


def heads(
    support: Support,
    fit: Callable[[Task], tuple[Float[Tensor, "N D"], Float[Tensor, " N"]]],
) -> AdapterWeights:
    """Return adapters with logits v_c · x + b_c; `fit` returns the v and b of a task."""
    vectors_TND = torch.zeros_like(support.text_TND)
    bias_TN = torch.zeros_like(vectors_TND[..., 0])
    for index, mask_N in enumerate(support.class_mask_TN):
        vectors_ND, bias_N = fit(_task(support, index))
        vectors_TND[index, mask_N] = vectors_ND.to(vectors_TND)
        bias_TN[index, mask_N] = bias_N.to(bias_TN)
    return support.head(vectors_TND, bias_TN, logit_scale=1.0)


def answers(
    support: Support,
    fit: Callable[[Task], Callable[[Float[Tensor, "Q D"]], Float[Tensor, "Q N"]]],
) -> LogitFunction:
    """Return a function from queries to log-probabilities; `fit` returns that of one task."""
    class_mask_TN = support.class_mask_TN
    fitted = [fit(_task(support, index)) for index in range(support.n_tasks)]

    def answer(query_TQD: Float[Tensor, "T Q D"]) -> Float[Tensor, "T Q N"]:
        log_p_TQN = query_TQD.new_full((*query_TQD.shape[:2], class_mask_TN.shape[1]), -torch.inf)
        for log_p_QN, scores, query_QD, mask_N in zip(
            log_p_TQN, fitted, query_TQD, class_mask_TN, strict=True
        ):
            answers_QN = scores(query_QD.to(_exact(support))).log_softmax(-1)
            log_p_QN[:, mask_N] = answers_QN.to(log_p_QN)
        return log_p_TQN

    return answer


def log_probabilities(scores_QN: Float[Tensor, "Q N"]) -> Float[Tensor, "Q N"]:
    """Return the logarithms of scores ≥ 0, scaled to sum to 1; equal values if all scores are 0."""
    share_QN = scores_QN / scores_QN.sum(-1, keepdim=True).clamp(min=torch.finfo().tiny)
    return share_QN.clamp(min=LEAST_PROBABILITY).log()


def _task(support: Support, index: int) -> Task:
    dtype, class_mask_N = _exact(support), support.class_mask_TN[index]
    present_NK: Bool[Tensor, "N K"] = support.support_mask_TNK[index][class_mask_N]
    text_ND = support.text_TND[index][class_mask_N].to(dtype)
    pool_UD = text_ND[:0]
    if support.pool_TUD is not None and support.pool_mask_TU is not None:
        pool_UD = support.pool_TUD[index][support.pool_mask_TU[index]].to(dtype)
    return Task(
        support.support_TNKD[index][class_mask_N][present_NK].to(dtype),
        present_NK.nonzero()[:, 0],
        pool_UD,
        text_ND,
        support,
        index,
    )


def _exact(support: Support) -> torch.dtype:
    """Return float64 if the device supports it, else float32."""
    return torch.float32 if support.text_TND.device.type == "mps" else torch.float64
