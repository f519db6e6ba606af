"""scikit-learn's label spreading (Zhou et al., 2003) from labelled pictures to the pool."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from sklearn.semi_supervised import LabelSpreading
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import LogitFunction
from metaadapter.bench.peers.task_by_task import Task, answers, log_probabilities


def label_spreading(support: Support) -> LogitFunction:
    """Return a function with probabilities ∝ Σ_j exp(−20 ‖x − x_j‖²) F_jc.

    F_jc are the final labels of all pictures j. All settings are scikit-learn's. Texts and
    temperature are not used: a class without a picture is never predicted, and without any picture
    all classes are equally probable.
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
        p_QN = rows_QD.new_zeros(len(rows_QD), n_way)
        if len(pictured) and len(rows_QD):
            predicted = spread.predict_proba(rows_QD.cpu().numpy())
            p_QN[:, pictured] = torch.from_numpy(predicted).to(p_QN)
        return log_probabilities(p_QN)

    return scores
