"""scikit-learn's self-training: the logistic probe labels the pictures that it is sure of."""

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
    """Return adapters with the logits w_c · x + b_c of the probe that is fitted last.

    With scikit-learn's settings, up to ten rounds label the pool pictures whose most probable class
    has a probability above 0.75; no label changes later. Without a pool this is the logistic probe.
    A class without a picture has a logit as there. Texts and temperature are not used.
    """
    return heads(support, _fit)


def _fit(task: Task) -> tuple[Float[Tensor, "N D"], Float[Tensor, " N"]]:
    points_PD, labels = task.points_PD.cpu().double(), task.labels_M.cpu().numpy()
    # In the space that the pictures span, rows are several times shorter, but logits are the same.
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
