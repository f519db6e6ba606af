"""The methods that an evaluation of several labels compares: the generator's, and four peers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch.nn.functional import binary_cross_entropy_with_logits, normalize

from metaadapter.adapter.weights import probabilities
from metaadapter.bench.several.ml_knn import ml_knn
from metaadapter.bench.several.tasks import SeveralTask
from metaadapter.data.code_identity import code_identity
from metaadapter.features.logit_scale import CLIP_LOGIT_SCALE
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


Queries = Float[np.ndarray, "Q D"]
Method = Callable[[SeveralTask, Queries, torch.device], Answers]


def several_default(task: SeveralTask, queries_QD: Queries, device: torch.device) -> Answers:
    """Answer with the adapter that the shipped generator's closed form predicts."""
    support = task.support.to(device=device).exact
    weights = shared_generator("default")[0].predict(support).task(0)
    assert weights.label_thresholds is not None
    p_QC = probabilities(torch.from_numpy(queries_QD).to(device), weights)
    return Answers(p_QC.cpu().numpy(), weights.label_thresholds.cpu().numpy())


def zero_shot_sigmoid(task: SeveralTask, queries_QD: Queries, _device: torch.device) -> Answers:
    """Answer with σ(s · cosine + b); b makes the mean probability of a class that in the support.

    Only this prevalence is read from the support.
    """
    scale = task.logit_scale or CLIP_LOGIT_SCALE
    logits_QC = scale * queries_QD @ task.text_CD.T
    share_C = (task.shows_NC.sum(0) + 0.5) / (len(task.shows_NC) + 1)
    p_QC = np.stack(
        [_with_mean(column, share) for column, share in zip(logits_QC.T, share_C, strict=True)], 1
    )
    return Answers(p_QC, np.full(p_QC.shape[1], HALF))


def _with_mean(logits: Float[np.ndarray, " Q"], share: float) -> Float[np.ndarray, " Q"]:
    low, high = -logits.max() - 50, -logits.min() + 50
    for _ in range(60):
        middle = (low + high) / 2
        above = (1 / (1 + np.exp(-np.clip(logits + middle, -500, 500)))).mean() > share
        low, high = (low, middle) if above else (middle, high)
    p: np.ndarray = 1 / (1 + np.exp(-np.clip(logits + middle, -500, 500)))
    return p


def logistic_per_class(task: SeveralTask, queries_QD: Queries, _device: torch.device) -> Answers:
    """Answer with one logistic regression a class (binary relevance)."""
    columns = []
    for shows in task.shows_NC.T:
        if shows.all() or not shows.any():
            columns.append(np.full(len(queries_QD), float(shows[0])))
            continue
        model = LogisticRegression(C=STRENGTH, max_iter=1000)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(task.rows_ND, shows)
        columns.append(model.predict_proba(queries_QD)[:, 1])
    return Answers(np.stack(columns, 1), np.full(len(columns), HALF))


def ml_knn_answers(task: SeveralTask, queries_QD: Queries, _device: torch.device) -> Answers:
    """Answer with ML-KNN of ten neighbours (Zhang and Zhou 2007)."""
    p_QC = ml_knn(task.rows_ND, task.shows_NC, queries_QD)
    return Answers(p_QC, np.full(p_QC.shape[1], HALF))


def task_res_per_class(task: SeveralTask, queries_QD: Queries, device: torch.device) -> Answers:
    """Answer with TaskRes (Yu et al. 2023), a residual on each text, trained on sigmoids.

    A slope and a bias for each class are trained too, since a sigmoid has no other class to
    compare with.
    """
    rows, text, target, queries = (
        torch.from_numpy(part).to(device, torch.float64)
        for part in (task.rows_ND, task.text_CD, task.shows_NC, queries_QD)
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


def identity_of(name: str) -> str:
    """Return a text that changes when the answers of a method may change."""
    code = code_identity(METHODS[name])
    return (
        code if METHODS[name] is not several_default else f"{code} {shared_generator('default')[1]}"
    )
