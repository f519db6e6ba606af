"""One method on the tasks of one draw at one number of shots: fit, answer, and only then score."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from episodes import EpisodeRows, gather
from metaadapter.adapter import Support, classify
from metaadapter.errors import DataError
from metaadapter.evaluation.cost import peak_mib, reset_peak, timed, trained_numbers
from metaadapter.evaluation.draws import n_base_classes
from metaadapter.evaluation.evaluation_set import EvaluationSet
from metaadapter.evaluation.label_guard import SealedLabels
from metaadapter.evaluation.methods import Method
from metaadapter.evaluation.metrics import score, unknown_auroc
from metaadapter.evaluation.mistakes import worst_mistakes
from metaadapter.evaluation.part_result import PartResult

__all__ = ["measure"]

# Support pictures at a time: CLIP-Adapter on 20 classes of 16 shots then takes less than 1 GiB.
MOST_SUPPORT = 8_000
# Queries at a time: 200 MB of features at a width of 512.
MOST_QUERIES = 100_000


@dataclass(frozen=True, slots=True)
class _Examination:
    """Tasks as a method meets them: what it may see, what it is asked, and sealed answers."""

    support: Support
    query_TQD: Float[Tensor, "T Q D"]
    unknown_TOD: Float[Tensor, "T O D"]
    unknown_mask_TO: Bool[Tensor, "T O"]
    labels: SealedLabels


def measure(
    method: Method, of: EvaluationSet, rows: EpisodeRows, *, base_to_new: bool = False
) -> dict[str, PartResult]:
    """Fit, answer and score.

    Args:
        method: What is measured.
        of: The set, on the device that is to calculate.
        rows: The tasks, with as many shots as are to be seen.
        base_to_new: Judge each half of the classes among itself.

    Returns:
        "all", or "base" and "new".

    Raises:
        LabelsRead: The method looked at the labels of queries.
        DataError: Its answers are not numbers.
    """
    n_support, n_query = (each[0].numel() for each in (rows.support_TNK, rows.query_TNQ))
    n_together = max(1, min(MOST_SUPPORT // n_support, MOST_QUERIES // n_query))
    pieces = rows.split(n_together)
    found = [_measure_piece(method, of, each, base_to_new) for each in pieces]
    return {part: PartResult.join([each[part] for each in found]) for part in found[0]}


def _measure_piece(
    method: Method, of: EvaluationSet, rows: EpisodeRows, base_to_new: bool
) -> dict[str, PartResult]:
    device = of.source.features_nVD.device
    examination = _examine(of, rows)
    before = reset_peak(device)
    with trained_numbers() as trained:
        weights, fit_seconds = timed(lambda: method.fit(examination.support), device)
        peak = peak_mib(device, before)
    with torch.no_grad():
        logits_TQN, predict_seconds = timed(
            lambda: classify(examination.query_TQD, weights), device
        )
        unknown_TON = classify(examination.unknown_TOD, weights)
    if (logits_TQN.isnan() | logits_TQN.isposinf()).any():
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
    pictures_TQ = rows.query_TNQ.flatten(1).numpy()
    unknown_TO = unknown_TON.double().softmax(-1).amax(-1).cpu().numpy()
    is_unknown_TO = examination.unknown_mask_TO.cpu().numpy()
    results = {}
    for part, ways in _parts(n_way, base_to_new).items():
        log_chance_TQN = logits_TQN[..., ways].double().log_softmax(-1).cpu().numpy()
        is_of_part_TQ = (labels_TQ >= ways.start) & (labels_TQ < ways.stop)
        own_TQ = np.where(is_of_part_TQ, labels_TQ - ways.start, -1)
        scores = score(log_chance_TQN, own_TQ)
        figures = {
            **scores.figures,
            "unknown_auroc": _auroc(log_chance_TQN, own_TQ, unknown_TO, is_unknown_TO),
        }
        n_query_T = (own_TQ >= 0).sum(1)
        classes_TN = rows.classes_TN[:, ways].numpy()
        mistakes = worst_mistakes(log_chance_TQN, own_TQ, pictures_TQ, classes_TN)
        results[part] = PartResult.of(
            replace(scores, figures=figures), classes_TN, n_query_T, cost, mistakes
        )
    return results


def _examine(of: EvaluationSet, rows: EpisodeRows) -> _Examination:
    device = of.source.features_nVD.device
    placed = EpisodeRows(*(getattr(rows, each.name).to(device) for each in fields(rows)))
    episodes = gather(placed, of.source)
    batch = episodes.batch
    return _Examination(
        Support.of_batch(batch, of.source.logit_scale),
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
) -> np.ndarray:
    confidence_TQ = np.exp(log_chance_TQN.max(-1))
    areas = [
        unknown_auroc(known_Q[label_Q >= 0], unknown_O[there_O])
        for known_Q, label_Q, unknown_O, there_O in zip(
            confidence_TQ, labels_TQ, unknown_TO, is_unknown_TO, strict=True
        )
    ]
    return np.array(areas)
