"""The methods that an evaluation of several labels compares: the generator's, and four peers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import NearestNeighbors
from torch.nn.functional import binary_cross_entropy_with_logits, normalize

from metaadapter.adapter.weights import probabilities
from metaadapter.bench.several.tasks import SeveralTask
from metaadapter.generator.pretrained import shared_generator

HALF = 0.5
STRENGTH = 100.0
"""The inverse penalty of the logistic regression; of 1, 10 and 100 the best on validation sets."""
ALPHA, STEPS, RATE = 0.5, 100, 0.01
"""The scale of TaskRes's residual (its published default), the steps and the rate of Adam."""

NEIGHBOURS, SMOOTHING = 10, 1.0
"""The published defaults k and s of ML-KNN."""


class Answers(NamedTuple):
    """The probability of each class for each query, and the threshold of each class."""

    p_QC: Float[np.ndarray, "Q C"]
    threshold_C: Float[np.ndarray, " C"]


Method = Callable[[SeveralTask, torch.device], Answers]


def several_default(task: SeveralTask, device: torch.device) -> Answers:
    """Answer with the adapter that the shipped generator's closed form predicts."""
    support = task.support.to(device=device).exact
    weights = shared_generator("default")[0].predict(support).task(0)
    assert weights.label_thresholds is not None
    p_QC = probabilities(torch.from_numpy(task.queries_QD).to(device), weights)
    return Answers(p_QC.cpu().numpy(), weights.label_thresholds.cpu().numpy())


def zero_shot_sigmoid(task: SeveralTask, _device: torch.device) -> Answers:
    """Answer with σ(s · cosine + b); b makes the mean probability of a class that in the support.

    Only this prevalence is read from the support.
    """
    logits_QC = task.logit_scale * task.queries_QD @ task.text_CD.T
    share_C = (task.shows_NC.sum(0) + 0.5) / (len(task.shows_NC) + 1)
    p_QC = np.stack(
        [_with_mean(column, share) for column, share in zip(logits_QC.T, share_C, strict=True)], 1
    )
    return Answers(p_QC, np.full(p_QC.shape[1], HALF))


def _with_mean(logits: Float[np.ndarray, " Q"], share: float) -> Float[np.ndarray, " Q"]:
    def excess(bias: float) -> float:
        return float(expit(logits + bias).mean()) - share

    p: np.ndarray = expit(logits + brentq(excess, -logits.max() - 50, -logits.min() + 50))
    return p


def logistic_per_class(task: SeveralTask, _device: torch.device) -> Answers:
    """Answer with one logistic regression a class (binary relevance)."""
    model = OneVsRestClassifier(LogisticRegression(C=STRENGTH, max_iter=1000))
    with warnings.catch_warnings():
        # Of steps that do not converge, and of classes that all pictures show, or none.
        warnings.simplefilter("ignore", UserWarning)
        p_QC = model.fit(task.rows_ND, task.shows_NC.astype(int)).predict_proba(task.queries_QD)
    return Answers(p_QC, np.full(p_QC.shape[1], HALF))


def ml_knn(
    rows_ND: Float[np.ndarray, "n D"],
    shows_NC: Bool[np.ndarray, "n C"],
    queries_QD: Float[np.ndarray, "Q D"],
    n_neighbours: int = NEIGHBOURS,
    smoothing: float = SMOOTHING,
) -> Float[np.ndarray, "Q C"]:
    """Return the probability of each class, given how many of the neighbours show it (ML-KNN).

    The equations 1 to 4 are of M.-L. Zhang and Z.-H. Zhou, ML-KNN: A lazy learning approach to
    multi-label learning, Pattern Recognition 40, 2007.

    With fewer other pictures than `n_neighbours`, all of them are neighbours.
    """
    n, k, s = len(rows_ND), min(n_neighbours, len(rows_ND) - 1), smoothing
    nearest = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(rows_ND)
    # Without queries, a picture is not its own neighbour.
    among_NC, among_QC = (
        shows_NC[nearest.kneighbors(asked, return_distance=False)].sum(1)
        for asked in (None, queries_QD)
    )
    # The smoothed shares of the pictures that show a class, or not, with 0 … k such neighbours.
    is_j_KNC = among_NC == np.arange(k + 1)[:, None, None]
    given_KC, otherwise_KC = (
        (s + counts_KC) / (s * (k + 1) + counts_KC.sum(0))
        for counts_KC in ((is_j_KNC & shows_NC).sum(1), (is_j_KNC & ~shows_NC).sum(1))
    )
    prior_C = (s + shows_NC.sum(0)) / (2 * s + n)
    shown_QC = prior_C * np.take_along_axis(given_KC, among_QC, 0)
    absent_QC = (1 - prior_C) * np.take_along_axis(otherwise_KC, among_QC, 0)
    p_QC: np.ndarray = shown_QC / (shown_QC + absent_QC)
    return p_QC


def ml_knn_answers(task: SeveralTask, _device: torch.device) -> Answers:
    """Answer with ML-KNN of ten neighbours (Zhang and Zhou 2007)."""
    p_QC = ml_knn(task.rows_ND, task.shows_NC, task.queries_QD)
    return Answers(p_QC, np.full(p_QC.shape[1], HALF))


def task_res_per_class(task: SeveralTask, device: torch.device) -> Answers:
    """Answer with TaskRes (Yu et al. 2023), a residual on each text, trained on sigmoids.

    A slope and a bias for each class are trained too, since a sigmoid has no other class to
    compare with.
    """
    rows, text, target, queries = (
        torch.from_numpy(part).to(device, torch.float64)
        for part in (task.rows_ND, task.text_CD, task.shows_NC, task.queries_QD)
    )
    residual = torch.zeros_like(text, requires_grad=True)
    bias = text.new_full((len(text),), -2.0, requires_grad=True)
    log_slope = text.new_tensor(np.log(10.0), requires_grad=True)
    optimizer = torch.optim.Adam([residual, bias, log_slope], lr=RATE)

    def logits(features: torch.Tensor) -> torch.Tensor:
        moved = normalize(text + ALPHA * residual, dim=-1)
        return log_slope.exp() * features @ moved.mT + bias

    with torch.enable_grad():
        for _ in range(STEPS):
            loss = binary_cross_entropy_with_logits(logits(rows), target)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    with torch.no_grad():
        p_QC = logits(queries).sigmoid().cpu().numpy()
    return Answers(p_QC, np.full(p_QC.shape[1], HALF))


METHODS: Mapping[str, Method] = {
    "default": several_default,
    "zero-shot-sigmoid": zero_shot_sigmoid,
    "logistic-per-class": logistic_per_class,
    "ml-knn": ml_knn_answers,
    "taskres-per-class": task_res_per_class,
}
"""Name → method; the first is the generator's, the others are peers."""
