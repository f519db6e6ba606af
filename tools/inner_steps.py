"""The training of the peers MAML and ANIL, task by task, with learn2learn."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from episodes import EpisodeBatch
from episodes.learn2learn_bridge import import_learn2learn
from metaadapter.adapter.support import Support
from metaadapter.bench.peers.maml import N_STEPS, logits, loss_weight


@final
class TaskModel(nn.Module):
    """The adapter of one task; the inner steps change its parameters."""

    def __init__(
        self, learned: Mapping[str, Tensor], text_ND: Tensor, scale: float, *, moves_adapter: bool
    ) -> None:
        super().__init__()
        self.residual_ND = nn.Parameter(torch.zeros_like(text_ND))
        if moves_adapter:
            self.down_RD, self.up_DR = learned["down_RD"], learned["up_DR"]
        # In a tuple, because a module does not search tuples for parameters.
        self.unmoved = () if moves_adapter else (learned["down_RD"], learned["up_DR"])
        self.text_ND, self.scale = text_ND, scale

    def forward(self, rows_nD: Tensor) -> Tensor:
        """Return the (n, N) logits."""
        down_RD, up_DR = self.unmoved or (self.down_RD, self.up_DR)
        return logits(rows_nD, self.text_ND, down_RD, up_DR, self.residual_ND, self.scale)


def task_losses(
    learned: Mapping[str, Tensor], batch: EpisodeBatch, scale: float, *, moves_adapter: bool
) -> Iterator[Tensor]:
    """The query loss of each task after its inner steps, divided by log(ways).

    Args:
        learned: Leaves `down_RD`, `up_DR` and `log_rate`; all get gradients, of second order.
        batch: The tasks.
        scale: The encoder's inverse temperature.
        moves_adapter: The inner steps change the visual adapter as well (MAML), or not (ANIL).
    """
    algorithms: Any = import_learn2learn().algorithms
    support = Support.of_batch(batch, scale)
    weight_T = loss_weight(support.n_pictures_T, support.n_shot_T)
    for task, there_N in enumerate(batch.class_mask_TN):
        places_n = torch.full((len(there_N),), -1).masked_scatter(
            there_N, torch.arange(int(there_N.sum()))
        )
        pictured_M = support.targets_TMN[task].any(-1)
        rows_MD = support.rows_TMD[task][pictured_M]
        labels_M = places_n[support.targets_TMN[task][pictured_M].argmax(-1)]
        counts_Q = batch.query_labels_TQ[task] >= 0
        text_ND = support.start_TND[task][there_N]
        model = TaskModel(learned, text_ND, scale, moves_adapter=moves_adapter)
        adapted = algorithms.MAML(model, lr=learned["log_rate"].exp() / scale**2).clone()
        for _ in range(N_STEPS):
            adapted.adapt(weight_T[task] * cross_entropy(adapted(rows_MD), labels_M))
        logits_QN = adapted(batch.query_TQD[task][counts_Q])
        labels_Q = places_n[batch.query_labels_TQ[task][counts_Q]]
        yield cross_entropy(logits_QN, labels_Q) / math.log(max(2, len(text_ND)))
