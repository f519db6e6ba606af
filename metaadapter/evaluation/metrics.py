"""What answers are worth: the figures of many tasks at once, by the usual definitions.

Tests hold each against scikit-learn, whose own functions take one task after the other: six of them
on each of an evaluation's 30,000 tasks would take longer than most methods do.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from sklearn.metrics import roc_auc_score

from metaadapter.evaluation.answers import UNKNOWN, Answers

__all__ = ["METRICS", "bin_sums", "score"]

METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "nll", "brier", "ece", "unknown_auroc")
"""Fractions of 1, save `nll` (nats) and `brier` (0 … 2); the smaller `nll`, `brier` and `ece`, the
better."""
# Bins of confidence, all of equal width (expected calibration error, Naeini et al., 2015).
N_BINS = 15


def score(answers: Answers, n_tasks: int, n_way: int) -> dict[str, Float[np.ndarray, " T"]]:
    """By the names of `METRICS`, the figures of each task; NaN where a task has no query."""
    known = answers.known
    task_q, correct_q = known.task_q, known.correct_q
    true_TN, predicted_TN, correct_TN = (
        np.bincount(task * n_way + way, minlength=n_tasks * n_way).reshape(n_tasks, n_way)
        for task, way in (
            (task_q, known.way_q),
            (task_q, known.predicted_q),
            (task_q[correct_q], known.way_q[correct_q]),
        )
    )
    bins_TB3 = bin_sums(known, n_tasks)
    either_TN = true_TN + predicted_TN
    with np.errstate(divide="ignore", invalid="ignore"):
        n_T = true_TN.sum(1)
        return {
            "accuracy": correct_TN.sum(1) / n_T,
            "balanced_accuracy": _mean_where(correct_TN / true_TN, true_TN > 0),
            "macro_f1": _mean_where(2 * correct_TN / either_TN, either_TN > 0),
            "nll": np.bincount(task_q, -known.log_own_q, n_tasks) / n_T,
            "brier": np.bincount(task_q, known.brier_q, n_tasks) / n_T,
            "ece": np.abs(bins_TB3[..., 1] - bins_TB3[..., 2]).sum(1) / n_T,
            "unknown_auroc": _unknown_auroc(answers, n_tasks),
        }


def bin_sums(known: Answers, n_tasks: int) -> Float[np.ndarray, "T B 3"]:
    """By task and bin of confidence: queries, sum of their confidences, number of correct ones."""
    bins_q = np.minimum((known.confidence_q * N_BINS).astype(int), N_BINS - 1)
    cells_q = known.task_q * N_BINS + bins_q
    columns = [
        np.bincount(cells_q, weights, n_tasks * N_BINS)
        for weights in (None, known.confidence_q, known.correct_q)
    ]
    return np.stack(columns, -1).astype(float).reshape(n_tasks, N_BINS, 3)


def _mean_where(values_TN: np.ndarray, there_TN: np.ndarray) -> np.ndarray:
    """The mean over the classes that occur."""
    mean_T: np.ndarray = np.where(there_TN, values_TN, 0.0).sum(1) / there_TN.sum(1)
    return mean_T


def _unknown_auroc(answers: Answers, n_tasks: int) -> np.ndarray:
    """How well confidence tells known from unknown classes; NaN where a task lacks either."""
    areas = np.full(n_tasks, np.nan)
    for task in np.unique(answers.task_q[answers.way_q == UNKNOWN]):
        here_q = answers.task_q == task
        is_known_q = answers.way_q[here_q] != UNKNOWN
        if is_known_q.any():
            areas[task] = roc_auc_score(is_known_q, answers.confidence_q[here_q])
    return areas
