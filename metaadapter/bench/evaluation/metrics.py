"""Scores the answers of a method: figures of many tasks, bins of confidence, worst mistakes.

Figures have the usual definitions, and tests compare them with scikit-learn. Its functions are not
used here, because they take one task at a time and would be slower than most methods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from metaadapter.bench.evaluation.strangers import STRANGER_METRICS, score_strangers

METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "nll", "brier", "ece", *STRANGER_METRICS)
"""Fractions of 1, except `nll` (nats), `brier` (0 … 2) and `set_size`. Smaller values of `nll`,
`brier` and `ece` are better."""
Tables = dict[str, dict[str, list[Any]]]
"""Name of a table → name of a column → values, as JSON keeps them."""
# The number of bins of confidence, of equal width (calibration error, Naeini et al., 2015).
N_BINS = 15
# Mistakes that each cell keeps; a page shows this many different pictures from all seeds.
MOST_KEPT = 8
# Logits in float64 at a time; all of 50,000 pictures and 1,000 classes would take 400 MB.
CHUNK = 2**21


def read_answers(
    logits_TQN: Float[Tensor, "T Q N"],
    way_TQ: Int[np.ndarray, "T Q"],
    picture_TQ: Int[np.ndarray, "T Q"],
    first_task: int = 0,
    more_TQ: Mapping[str, Float[Tensor, "T Q"]] | None = None,
) -> np.ndarray:
    """Return a row for each query of T tasks, in float64; the first task has number `first_task`.

    `way_TQ` is the correct way, or `UNKNOWN` or `FAR`; `picture_TQ` is the number of the picture in
    the set, −1 for padding. Columns: `task`, `picture`, `way`; `predicted`, the most probable class
    (the first, if there are several), and its probability `confidence`; `log_own`, the
    log-probability of the correct class, and `brier`, the squared distance of the probabilities
    from the one-hot correct class, both NaN for a stranger; then `more_TQ` from `known_answers`.
    """
    is_picture_TQ = picture_TQ >= 0
    way_q = way_TQ[is_picture_TQ]
    logits_pN = logits_TQN.flatten(0, 1)
    columns = (
        torch.from_numpy(is_picture_TQ.flatten().nonzero()[0]),
        torch.from_numpy(way_q.clip(0)),
    )
    size = max(1, CHUNK // logits_TQN.shape[2])
    figures = []
    for places_q, correct_q in zip(*(torch.split(column, size) for column in columns), strict=True):
        log_qN = logits_pN[places_q].double().log_softmax(-1)
        log_most_q, predicted_q = log_qN.max(-1)
        log_own_q = log_qN.gather(1, correct_q.to(log_qN.device)[:, None])[:, 0]
        brier_q = (2 * log_qN).exp().sum(-1) - 2 * log_own_q.exp() + 1
        columns_4q = torch.stack((predicted_q.double(), log_most_q.exp(), log_own_q, brier_q))
        figures.append(columns_4q.cpu().numpy())
    predicted_q, confidence_q, log_own_q, brier_q = np.concatenate(figures, axis=1)
    columns_q = {
        "task": first_task + is_picture_TQ.nonzero()[0],
        "picture": picture_TQ[is_picture_TQ],
        "way": way_q,
        "predicted": predicted_q.astype(int),
        "confidence": confidence_q,
        "log_own": np.where(way_q < 0, np.nan, log_own_q),
        "brier": np.where(way_q < 0, np.nan, brier_q),
    }
    for name, column_TQ in (more_TQ or {}).items():
        columns_q[name] = column_TQ.double().cpu().numpy()[is_picture_TQ]
    kinds = [(name, column.dtype) for name, column in columns_q.items()]
    return np.rec.fromarrays(columns_q.values(), dtype=kinds)


def cell_tables(
    answers: np.ndarray,
    classes_TN: Int[np.ndarray, "T N"],
    more: Mapping[str, Sequence[Any]],
) -> Tables:
    """Return the tables of a cell.

    `classes_TN` is the number of each way's class in the set; `more` has further columns by task.
    """
    n_tasks, n_way = classes_TN.shape
    known = answers[answers["way"] >= 0]
    tasks = {
        "task": np.arange(n_tasks),
        "n_way": np.full(n_tasks, n_way),
        "n_query": np.bincount(known["task"], minlength=n_tasks),
        **score(answers, n_tasks, n_way),
        **more,
    }
    true_q, predicted_q = (classes_TN[known["task"], known[side]] for side in ("way", "predicted"))
    pairs, count = np.unique(np.stack([true_q, predicted_q]), axis=1, return_counts=True)
    bins_B3 = bin_sums(known, n_tasks).sum(0)
    (wrong,) = (true_q != predicted_q).nonzero()
    worst = wrong[np.argsort(-known["confidence"][wrong], kind="stable")[:MOST_KEPT]]
    tables = {
        "rows": tasks,
        "confusion": {"true": pairs[0], "predicted": pairs[1], "count": count},
        "bins": {
            "bin": np.arange(len(bins_B3)),
            "n": bins_B3[:, 0].astype(int),
            "confidence": bins_B3[:, 1],
            "right": bins_B3[:, 2].astype(int),
        },
        "mistakes": {
            "picture": known["picture"][worst],
            "true": true_q[worst],
            "predicted": predicted_q[worst],
            "confidence": known["confidence"][worst],
            "own": np.exp(known["log_own"][worst]),
        },
    }
    return {
        name: plain({key: np.asarray(column).tolist() for key, column in columns.items()})
        for name, columns in tables.items()
    }


def score(answers: np.ndarray, n_tasks: int, n_way: int) -> dict[str, Float[np.ndarray, " T"]]:
    """Return metric of `METRICS` → the figures of T tasks, NaN for a task without queries."""
    known = answers[answers["way"] >= 0]
    correct = known[known["predicted"] == known["way"]]
    true_TN, predicted_TN, correct_TN = (
        np.bincount(rows["task"] * n_way + rows[side], minlength=n_tasks * n_way).reshape(-1, n_way)
        for rows, side in ((known, "way"), (known, "predicted"), (correct, "way"))
    )
    bins_TB3 = bin_sums(known, n_tasks)
    either_TN = true_TN + predicted_TN
    with np.errstate(divide="ignore", invalid="ignore"):
        n_T = true_TN.sum(1)
        return {
            "accuracy": correct_TN.sum(1) / n_T,
            "balanced_accuracy": np.nansum(correct_TN / true_TN, 1) / (true_TN > 0).sum(1),
            "macro_f1": np.nansum(2 * correct_TN / either_TN, 1) / (either_TN > 0).sum(1),
            "nll": np.bincount(known["task"], -known["log_own"], n_tasks) / n_T,
            "brier": np.bincount(known["task"], known["brier"], n_tasks) / n_T,
            "ece": np.abs(bins_TB3[..., 1] - bins_TB3[..., 2]).sum(1) / n_T,
            **score_strangers(answers, n_tasks),
        }


def bin_sums(known: np.ndarray, n_tasks: int) -> Float[np.ndarray, "T B 3"]:
    """Return the queries, the sum of confidences and the correct answers of each task and bin."""
    bins_q = np.minimum((known["confidence"] * N_BINS).astype(int), N_BINS - 1)
    columns = [
        np.bincount(known["task"] * N_BINS + bins_q, weights, n_tasks * N_BINS)
        for weights in (None, known["confidence"], known["predicted"] == known["way"])
    ]
    return np.stack(columns, -1).astype(float).reshape(n_tasks, N_BINS, 3)


def plain(value: Any) -> Any:
    """Return the JSON form of a value, also within mappings and sequences; NaN becomes null."""
    if isinstance(value, Mapping):
        return {str(key): plain(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [plain(member) for member in value]
    return None if isinstance(value, float) and value != value else value
