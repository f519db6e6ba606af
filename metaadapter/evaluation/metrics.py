"""What answers are worth: the figures of many tasks at once, by the usual definitions.

Tests hold each against scikit-learn, whose own functions take one task after the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import rankdata

from metaadapter.evaluation.calibration import N_BINS, bin_numbers

__all__ = ["METRICS", "Scores", "score", "unknown_auroc"]

METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "nll", "brier", "ece", "unknown_auroc")
"""Shares of 1, save `nll` (nats) and `brier` (0 … 2); `nll`, `brier` and `ece` are better small."""


@dataclass(frozen=True, slots=True)
class Scores:
    """The figures of T tasks of N ways."""

    figures: Mapping[str, Float[np.ndarray, " T"]]
    """By the names of `METRICS`; NaN where a task has no query."""
    confusion_TNN: Int[np.ndarray, "T N N"]
    """How many queries of class `[t, i]` were called `[t, :, j]`."""
    bins_B3: Float[np.ndarray, "B 3"]
    """By confidence, over all tasks: queries, sum of their confidences, right ones."""


def score(log_chance_TQN: Float[np.ndarray, "T Q N"], labels_TQ: Int[np.ndarray, "T Q"]) -> Scores:
    """Score the answers of T tasks.

    Args:
        log_chance_TQN: Log-probabilities of each query; −∞ for a class that is ruled out.
        labels_TQ: Class of each query; −1 for one that does not count.
    """
    n_tasks, _, n_way = log_chance_TQN.shape
    there_TQ = labels_TQ >= 0
    task_q = there_TQ.nonzero()[0]
    log_chance_qN, label_q = log_chance_TQN[there_TQ], labels_TQ[there_TQ]
    answer_q = log_chance_qN.argmax(-1)
    chance_qN = np.exp(log_chance_qN)
    own_q = np.take_along_axis(log_chance_qN, label_q[:, None], 1)[:, 0]
    brier_q = np.square(chance_qN).sum(-1) - 2 * np.exp(own_q) + 1
    confidence_q = chance_qN[np.arange(len(answer_q)), answer_q]
    right_q = answer_q == label_q

    cells_q = (task_q * n_way + label_q) * n_way + answer_q
    confusion_TNN = np.bincount(cells_q, minlength=n_tasks * n_way**2)
    confusion_TNN = confusion_TNN.reshape(n_tasks, n_way, n_way)
    bins_TB3 = _bins(task_q, confidence_q, right_q, n_tasks)
    n_T = there_TQ.sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        figures = {
            **_of_confusion(confusion_TNN),
            "nll": np.bincount(task_q, -own_q, n_tasks) / n_T,
            "brier": np.bincount(task_q, brier_q, n_tasks) / n_T,
            "ece": np.abs(bins_TB3[..., 1] - bins_TB3[..., 2]).sum(1) / n_T,
        }
    return Scores(figures, confusion_TNN, bins_TB3.sum(0))


def unknown_auroc(known_q: Float[np.ndarray, " q"], unknown_o: Float[np.ndarray, " o"]) -> float:
    """Chance that a picture of a known class is more confidently answered than one of an unknown.

    The area under the ROC curve by Mann and Whitney's ranks, ties counting half; NaN where either
    has none.
    """
    n_known, n_unknown = len(known_q), len(unknown_o)
    if not n_known or not n_unknown:
        return float("nan")
    ranks = rankdata(np.concatenate([known_q, unknown_o]))[:n_known]
    return float((ranks.sum() - n_known * (n_known + 1) / 2) / (n_known * n_unknown))


def _of_confusion(confusion_TNN: np.ndarray) -> dict[str, np.ndarray]:
    """Accuracy, and means over the classes that occur: recall, and F1 of those that were called."""
    right_TN = np.diagonal(confusion_TNN, axis1=1, axis2=2)
    true_TN, called_TN = confusion_TNN.sum(2), confusion_TNN.sum(1)
    return {
        "accuracy": right_TN.sum(1) / true_TN.sum(1),
        "balanced_accuracy": _mean_where(right_TN / true_TN, true_TN > 0),
        "macro_f1": _mean_where(2 * right_TN / (true_TN + called_TN), (true_TN + called_TN) > 0),
    }


def _mean_where(values_TN: np.ndarray, there_TN: np.ndarray) -> np.ndarray:
    mean_T: np.ndarray = np.where(there_TN, values_TN, 0.0).sum(1) / there_TN.sum(1)
    return mean_T


def _bins(
    task_q: np.ndarray, confidence_q: np.ndarray, right_q: np.ndarray, n_tasks: int
) -> np.ndarray:
    """(T, B, 3) number of queries, sum of confidences and number of right ones."""
    cells_q = task_q * N_BINS + bin_numbers(confidence_q)
    columns = [
        np.bincount(cells_q, weights, n_tasks * N_BINS) for weights in (None, confidence_q, right_q)
    ]
    return np.stack(columns, -1).astype(float).reshape(n_tasks, N_BINS, 3)
