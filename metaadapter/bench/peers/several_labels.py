"""Peers of pictures with several labels: a yes or no for each class."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import probabilities
from metaadapter.bench.peers.descent import descend
from metaadapter.generator.pretrained import shared_generator

HALF = 0.5
STRENGTH = 100.0
"""The inverse penalty of the logistic regression; of 1, 10 and 100 the best on validation sets."""
ALPHA, STEPS, RATE = 0.5, 100, 0.01
"""The scale of TaskRes's residual (its published default), the steps and the rate of Adam."""


class Answers(NamedTuple):
    """The probability of each class for each query, and the threshold of each class."""

    p_QC: Float[np.ndarray, "Q C"]
    threshold_C: Float[np.ndarray, " C"]

    @classmethod
    def at_half(cls, p_QC: Float[np.ndarray, "Q C"]) -> Answers:
        """Return answers with the threshold of all peers."""
        return cls(p_QC, np.full(p_QC.shape[1], HALF))


SeveralMethod = Callable[[Support, Float[Tensor, "Q D"]], Answers]
"""Takes the support of one task, with a row of labels for each picture, and its queries."""


def predicted_adapter(support: Support, queries_QD: Float[Tensor, "Q D"]) -> Answers:
    """Answer with the adapter that the shipped generator's closed form predicts."""
    weights = shared_generator("default")[0].predict(support.exact).task(0)
    assert weights.label_thresholds is not None
    p_QC = probabilities(queries_QD, weights)
    return Answers(p_QC.cpu().numpy(), weights.label_thresholds.cpu().numpy())


def zero_shot_sigmoid(support: Support, queries_QD: Float[Tensor, "Q D"]) -> Answers:
    """Answer with σ(s · cosine + b); b makes the mean probability of a class that in the support.

    Only this prevalence is read from the support.
    """
    shows_NC = support.pictures()[1]
    logits_QC = (support.scale_T * queries_QD @ support.text_TND[0].mT).cpu().numpy()
    share_C = ((shows_NC.sum(0) + 0.5) / (len(shows_NC) + 1)).tolist()
    columns = zip(logits_QC.T, share_C, strict=True)
    return Answers.at_half(np.stack([_with_mean(column, share) for column, share in columns], 1))


def _with_mean(logits: Float[np.ndarray, " Q"], share: float) -> Float[np.ndarray, " Q"]:
    def excess(bias: float) -> float:
        return float(expit(logits + bias).mean()) - share

    p: np.ndarray = expit(logits + brentq(excess, -logits.max() - 50, -logits.min() + 50))
    return p


def logistic_per_class(support: Support, queries_QD: Float[Tensor, "Q D"]) -> Answers:
    """Answer with one logistic regression a class (binary relevance)."""
    model = OneVsRestClassifier(LogisticRegression(C=STRENGTH, max_iter=1000))
    rows_ND, shows_NC = (part.cpu().numpy() for part in support.pictures())
    with warnings.catch_warnings():
        # Of steps that do not converge, and of classes that all pictures show, or none.
        warnings.simplefilter("ignore", UserWarning)
        p_QC = model.fit(rows_ND, shows_NC.astype(int)).predict_proba(queries_QD.cpu().numpy())
    return Answers.at_half(p_QC)


def task_res_per_class(support: Support, queries_QD: Float[Tensor, "Q D"]) -> Answers:
    """Answer with TaskRes (Yu et al. 2023), a residual on each text, trained on sigmoids.

    A slope and a bias for each class are trained too, since a sigmoid has no other class to
    compare with.
    """
    rows, target, text, queries = (
        part.double() for part in (*support.pictures(), support.text_TND[0], queries_QD)
    )
    residual = torch.zeros_like(text, requires_grad=True)
    bias = text.new_full((len(text),), -2.0, requires_grad=True)
    log_slope = text.new_tensor(np.log(10.0), requires_grad=True)
    optimizer = torch.optim.Adam([residual, bias, log_slope], lr=RATE)

    def logits(features: torch.Tensor) -> torch.Tensor:
        moved = normalize(text + ALPHA * residual, dim=-1)
        return log_slope.exp() * features @ moved.mT + bias

    descend(lambda: binary_cross_entropy_with_logits(logits(rows), target), optimizer, STEPS)
    with torch.no_grad():
        return Answers.at_half(logits(queries).sigmoid().cpu().numpy())


SEVERAL_PEERS: Mapping[str, SeveralMethod] = {
    "zero-shot-sigmoid": zero_shot_sigmoid,
    "logistic-per-class": logistic_per_class,
    "taskres-per-class": task_res_per_class,
}
