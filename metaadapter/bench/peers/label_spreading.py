"""scikit-learn's label spreading (Zhou et al., 2003) from the labelled pictures over the pool."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from sklearn.semi_supervised import LabelSpreading
from torch import Tensor

from metaadapter.adapter.logits import LogitFunction
from metaadapter.adapter.support import Support
from metaadapter.bench.peers.task_by_task import Task, answers, log_probabilities


def label_spreading(support: Support) -> LogitFunction:
    """Probabilities ∝ Σ_j exp(−20 ‖x − x_j‖²) F_jc, F the labels that pictures j have in the end.

    All settings are scikit-learn's. Neither texts nor temperature are read: a class without a
    picture is never the answer, and without any picture all classes are alike.
    """
    return answers(support, _fit)


def _fit(task: Task) -> Callable[[Tensor], Tensor]:
    n_way, pictured = len(task.text_ND), np.unique(task.labels_M.cpu().numpy())
    spread = LabelSpreading()
    if len(pictured):
        unlabelled = np.full(len(task.pool_UD), -1)
        labels = np.concatenate([unlabelled, task.labels_M.cpu().numpy()])
        spread.fit(task.points_PD.cpu().numpy(), labels)

    def scores(rows_QD: Float[Tensor, "Q D"]) -> Float[Tensor, "Q N"]:
        found_QN = rows_QD.new_zeros(len(rows_QD), n_way)
        if len(pictured) and len(rows_QD):
            found = spread.predict_proba(rows_QD.cpu().numpy())
            found_QN[:, pictured] = torch.from_numpy(found).to(found_QN)
        return log_probabilities(found_QN)

    return scores
