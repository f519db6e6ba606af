"""scikit-learn's self-training with the logistic probe, which labels confident pictures."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from sklearn.semi_supervised import SelfTrainingClassifier
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.bench.peers.logistic_probe import new_probe, read_probe
from metaadapter.bench.peers.task_by_task import Task, heads


def self_training(support: Support) -> AdapterWeights:
    """Logits w_c · x + b_c of the last fitted probe, with scikit-learn's settings.

    Up to ten rounds label the unlabelled pictures whose most probable class has a probability above
    0.75; labels stay. Without a pool this is the logistic probe, whose rule for a class without a
    picture also applies here. Texts and temperature are not used.
    """
    return heads(support, _fit)


def _fit(task: Task) -> tuple[Float[Tensor, "N D"], Float[Tensor, " N"]]:
    points_PD, labels = task.points_PD.cpu().double(), task.labels_M.cpu().numpy()
    # Neither the penalty nor the logits change if pictures are rotated into the space that they
    # span, in which rows are several times shorter.
    basis_DR = torch.linalg.qr(points_PD.mT).Q
    points = (points_PD @ basis_DR).numpy()
    probe, pictured = None, np.unique(labels)
    if len(pictured) > 1 and len(task.pool_UD):
        training = SelfTrainingClassifier(new_probe())
        training.fit(points, np.concatenate([np.full(len(task.pool_UD), -1), labels]))
        probe = training.estimator_
    elif len(pictured) > 1:
        probe = new_probe().fit(points, labels)
    vectors, bias = read_probe(probe, pictured, len(task.text_ND), points.shape[1])
    return torch.from_numpy(vectors) @ basis_DR.mT, torch.from_numpy(bias)
