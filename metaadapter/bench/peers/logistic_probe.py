"""scikit-learn's logistic regression on the pictures, as Radford et al. (2021) probe CLIP."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights

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
    rows_TMD, present_TNK = support.rows_TMD.cpu().double(), support.present_TNK.cpu()
    heads = [_probe(*task) for task in zip(rows_TMD, present_TNK, strict=True)]
    classes_TND, bias_TN = (
        torch.from_numpy(np.stack(parts)).to(support.text_TND) for parts in zip(*heads, strict=True)
    )
    return support.head(classes_TND, bias_TN, logit_scale=1.0)


def new_probe() -> LogisticRegression:
    """Return an unfitted scikit-learn model with the settings of the probe."""
    return LogisticRegression(C=C, solver="newton-cg", tol=1e-8, max_iter=1000)


def read_probe(
    probe: LogisticRegression | None, pictured: Int[np.ndarray, " n"], n_way: int, width: int
) -> tuple[Float[np.ndarray, "N D"], Float[np.ndarray, " N"]]:
    """Return the class vectors and biases of a fitted probe.

    `pictured` are the classes with pictures; if there are fewer than two, `probe` is None.
    """
    classes, bias = np.zeros((n_way, width)), np.zeros(n_way)
    if probe is not None:
        vectors, biases = probe.coef_, probe.intercept_
        if len(pictured) == 2:  # scikit-learn keeps the second class minus the first
            vectors = np.concatenate([-vectors, vectors]) / 2
            biases = np.concatenate([-biases, biases]) / 2
        classes[pictured], bias[pictured] = vectors, biases
    lowest = (bias - np.linalg.norm(classes, axis=1))[pictured].min(initial=0.0)
    bias[np.setdiff1d(np.arange(n_way), pictured)] = lowest - 1
    return classes, bias


def _probe(
    rows_MD: Float[Tensor, "M D"], present_NK: Bool[Tensor, "N K"]
) -> tuple[Float[np.ndarray, "N D"], Float[np.ndarray, " N"]]:
    """Return the class vectors and biases of one task."""
    rows, labels = rows_MD[present_NK.flatten()].numpy(), present_NK.nonzero()[:, 0].numpy()
    pictured = np.unique(labels)
    probe = new_probe().fit(rows, labels) if len(pictured) > 1 else None
    return read_probe(probe, pictured, len(present_NK), rows.shape[1])
