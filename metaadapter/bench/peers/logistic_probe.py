"""scikit-learn's logistic regression, as Radford et al. (2021) probe CLIP, and self-training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import SelfTrainingClassifier
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.bench.peers.task_by_task import Task, heads

# scikit-learn's default, 1, suits features of unit variance; rows of length 1 need a weaker
# penalty. More than 10 is no better on training stores.
C = 10.0


def logistic_probe(support: Support) -> AdapterWeights:
    """Return adapters with logits w_c · x + b_c, which scikit-learn fits task by task.

    Texts and temperature are not used. The logit of a class without a picture is lower than any
    logit that the other classes can have.

    Settings: C = 10: a larger C gains nothing on training stores. Departures: Radford et al. (2021)
    search C; reads no text.
    """
    return heads(replace(support, pool_TUD=None, pool_mask_TU=None), _fit)


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
    points, pictured = (points_PD @ basis_DR).numpy(), np.unique(labels)
    classes, bias = np.zeros((len(task.text_ND), points.shape[1])), np.zeros(len(task.text_ND))
    if len(pictured) > 1:
        probe = LogisticRegression(C=C, solver="newton-cg", tol=1e-8, max_iter=1000)
        if n_pool := len(task.pool_UD):
            training = SelfTrainingClassifier(probe)
            probe = training.fit(points, np.append([-1] * n_pool, labels)).estimator_
        else:
            probe.fit(points, labels)
        vectors, biases = probe.coef_, probe.intercept_
        if len(pictured) == 2:  # scikit-learn keeps the second class minus the first
            vectors = np.concatenate([-vectors, vectors]) / 2
            biases = np.concatenate([-biases, biases]) / 2
        classes[pictured], bias[pictured] = vectors, biases
    lowest = (bias - np.linalg.norm(classes, axis=1))[pictured].min(initial=0.0)
    bias[np.setdiff1d(np.arange(len(bias)), pictured)] = lowest - 1
    return torch.from_numpy(classes) @ basis_DR.mT, torch.from_numpy(bias)
