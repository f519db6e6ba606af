"""One method on the tasks of one draw at one number of shots: fit, answer, and only then score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from episodes import EpisodeRows, gather
from metaadapter.adapter import classify
from metaadapter.baselines import Support
from metaadapter.errors import DataError
from metaadapter.evaluation.cost import peak_mib, reset_peak, timed, trained_numbers
from metaadapter.evaluation.draws import n_base_classes
from metaadapter.evaluation.evaluation_set import EvaluationSet
from metaadapter.evaluation.label_guard import SealedLabels
from metaadapter.evaluation.methods import Method
from metaadapter.evaluation.metrics import Scores, score, unknown_auroc

__all__ = ["PartResult", "measure"]

# Support pictures at a time: CLIP-Adapter on 20 classes of 16 shots then takes less than 1 GiB.
CHUNK_PICTURES = 8_000


@dataclass(frozen=True, slots=True)
class PartResult:
    """Some of the classes judged among themselves: all of them, or base or new ones."""

    tasks: tuple[dict[str, Any], ...]
    """Figures of each task, and what it cost."""
    confusion: tuple[tuple[int, int, int], ...]
    """Class number, number of the class it was called, count; over all tasks."""
    bins: tuple[tuple[float, float, float], ...]
    """By confidence: number of queries, sum of confidences, number of right ones."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"tasks": self.tasks, "confusion": self.confusion, "bins": self.bins}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PartResult:
        """Read the JSON form."""
        return cls(
            tuple(values["tasks"]),
            tuple((true, called, count) for true, called, count in values["confusion"]),
            tuple((n, confidence, right) for n, confidence, right in values["bins"]),
        )


@dataclass(frozen=True, slots=True)
class _Examination:
    """Tasks as a method meets them: what it may see, what it is asked, and sealed answers."""

    support: Support
    query_TQD: Float[Tensor, "T Q D"]
    unknown_TOD: Float[Tensor, "T O D"]
    unknown_mask_TO: Bool[Tensor, "T O"]
    labels: SealedLabels


def measure(
    method: Method,
    of: EvaluationSet,
    rows: EpisodeRows,
    *,
    base_to_new: bool = False,
    device: torch.device | None = None,
) -> dict[str, PartResult]:
    """Fit, answer and score.

    Args:
        method: What is measured.
        of: The set; its tensors on `device`.
        rows: The tasks, with as many shots as are to be seen.
        base_to_new: Judge each half of the classes among itself.
        device: Where to calculate.

    Returns:
        "all", or "base" and "new".

    Raises:
        LabelsRead: The method looked at the labels of queries.
        DataError: Its answers are not numbers.
    """
    device = device or torch.device("cpu")
    _, n_way, n_shot = rows.support_TNK.shape
    pieces = list(rows.split(max(1, CHUNK_PICTURES // (n_way * max(1, n_shot)))))
    found = [_measure_piece(method, of, each, base_to_new, device) for each in pieces]
    return {part: _join([each[part] for each in found]) for part in found[0]}


def _measure_piece(
    method: Method, of: EvaluationSet, rows: EpisodeRows, base_to_new: bool, device: torch.device
) -> dict[str, PartResult]:
    examination, scale = _examine(of, rows), of.source.logit_scale
    before = reset_peak(device)
    with trained_numbers() as trained, torch.no_grad():
        weights, fit_seconds = timed(lambda: method.fit(examination.support, scale), device)
        peak = peak_mib(device, before)
        logits_TQN, predict_seconds = timed(
            lambda: classify(examination.query_TQD, weights), device
        )
        unknown_TON = classify(examination.unknown_TOD, weights)
    if logits_TQN.isnan().any():
        raise DataError(
            f"{method.name} gave answers that are not numbers on {of.name} with "
            f"{rows.support_TNK.shape[-1]} shot(s); leave it out of --methods"
        )
    n_tasks, n_way, width = examination.support.text_TND.shape
    by_hand = method.trained_by_hand
    cost = {
        "fit_seconds": fit_seconds / n_tasks,
        "predict_seconds": predict_seconds / n_tasks,
        "peak_mib": peak,
        "trained_parameters": by_hand(n_way, width) if by_hand else trained.count // n_tasks,
    }
    labels_TQ = examination.labels.open(logits_TQN).cpu().numpy()
    unknown_TO = unknown_TON.double().softmax(-1).amax(-1).cpu().numpy()
    is_unknown_TO = examination.unknown_mask_TO.cpu().numpy()
    results = {}
    for part, ways in _parts(n_way, base_to_new).items():
        log_chance_TQN = logits_TQN[..., ways].double().log_softmax(-1).cpu().numpy()
        is_of_part_TQ = (labels_TQ >= ways.start) & (labels_TQ < ways.stop)
        own_TQ = np.where(is_of_part_TQ, labels_TQ - ways.start, -1)
        auroc = _auroc(log_chance_TQN, own_TQ, unknown_TO, is_unknown_TO)
        scores = score(log_chance_TQN, own_TQ)
        results[part] = _result(scores, auroc, rows.classes_TN[:, ways], own_TQ, cost)
    return results


def _examine(of: EvaluationSet, rows: EpisodeRows) -> _Examination:
    device = of.source.features_nVD.device
    placed = EpisodeRows(*(getattr(rows, each.name).to(device) for each in fields(rows)))
    episodes = gather(placed, of.source)
    batch = episodes.batch
    return _Examination(
        Support.of(batch),
        batch.query_TQD,
        episodes.off_class_TOD,
        episodes.off_class_mask_TO,
        SealedLabels(batch.query_labels_TQ),
    )


def _parts(n_way: int, base_to_new: bool) -> dict[str, slice]:
    if not base_to_new:
        return {"all": slice(0, n_way)}
    n_base = n_base_classes(n_way)
    return {"base": slice(0, n_base), "new": slice(n_base, n_way)}


def _auroc(
    log_chance_TQN: np.ndarray,
    labels_TQ: np.ndarray,
    unknown_TO: np.ndarray,
    is_unknown_TO: np.ndarray,
) -> list[float]:
    confidence_TQ = np.exp(log_chance_TQN.max(-1))
    return [
        unknown_auroc(known_Q[label_Q >= 0], unknown_O[there_O])
        for known_Q, label_Q, unknown_O, there_O in zip(
            confidence_TQ, labels_TQ, unknown_TO, is_unknown_TO, strict=True
        )
    ]


def _result(
    scores: Scores,
    auroc: Sequence[float],
    classes_TN: Tensor,
    labels_TQ: np.ndarray,
    cost: dict[str, Any],
) -> PartResult:
    n_query_T, n_way_T = (labels_TQ >= 0).sum(1), (classes_TN >= 0).sum(1)
    tasks = tuple(
        {
            "n_way": int(n_way_T[task]),
            "n_query": int(n_query_T[task]),
            **{name: float(values[task]) for name, values in scores.figures.items()},
            "unknown_auroc": auroc[task],
            **cost,
        }
        for task in range(len(labels_TQ))
    )
    return PartResult(
        tuple({name: _number(value) for name, value in task.items()} for task in tasks),
        _confusion(scores.confusion_TNN, classes_TN.cpu().numpy()),
        tuple((n, confidence, right) for n, confidence, right in scores.bins_B3.tolist()),
    )


def _number(value: Any) -> Any:
    """None for what is not a number, which JSON does not have."""
    return None if value is None or value != value else value


def _confusion(
    confusion_TNN: np.ndarray, classes_TN: np.ndarray
) -> tuple[tuple[int, int, int], ...]:
    """The counts that are not 0, by the set's own class numbers."""
    task, true, called = confusion_TNN.nonzero()
    pairs = np.stack([classes_TN[task, true], classes_TN[task, called]], 1)
    distinct, place = np.unique(pairs, axis=0, return_inverse=True)
    counts = np.bincount(place, confusion_TNN[task, true, called], len(distinct)).astype(int)
    return tuple(
        (true, called, count)
        for (true, called), count in zip(distinct.tolist(), counts.tolist(), strict=True)
    )


def _join(pieces: Sequence[PartResult]) -> PartResult:
    """The tasks of all pieces, their counts added."""
    if len(pieces) == 1:
        return pieces[0]
    counts: dict[tuple[int, int], int] = {}
    for piece in pieces:
        for true, called, count in piece.confusion:
            counts[true, called] = counts.get((true, called), 0) + count
    bins = np.sum([piece.bins for piece in pieces], axis=0).tolist()
    return PartResult(
        tuple(task for piece in pieces for task in piece.tasks),
        tuple((true, called, count) for (true, called), count in sorted(counts.items())),
        tuple((n, confidence, right) for n, confidence, right in bins),
    )
