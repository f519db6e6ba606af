"""One method on the tasks of one draw at one number of shots: fit, answer, and only then score."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from episodes import EpisodeRows
from metaadapter.adapter.logits import LogitFunction, logits_of
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.bench.evaluation.cost import peak_mib, reset_peak, timed, trained_numbers
from metaadapter.bench.evaluation.draws import n_base_classes
from metaadapter.bench.evaluation.evaluation_set import EvaluationSet
from metaadapter.bench.evaluation.known_answers import known_answers
from metaadapter.bench.evaluation.method import Method
from metaadapter.bench.evaluation.metrics import Tables, cell_tables, read_answers
from metaadapter.bench.evaluation.noun_features import noun_features
from metaadapter.bench.evaluation.picture_task import files_of, picture_task
from metaadapter.bench.evaluation.pools import pool_facts
from metaadapter.bench.evaluation.stranger_metrics import FAR, UNKNOWN
from metaadapter.bench.evaluation.strangers import FarStrangers
from metaadapter.bench.peers.unknown.queries import AnsweredQueries
from metaadapter.errors import DataError

Metric = Callable[[np.ndarray, np.ndarray], float]
"""Probabilities (n, N) of a task's queries and their classes (n,), 0 … N − 1 → a figure."""

# Support pictures at a time: CLIP-Adapter on 20 classes of 16 shots then takes less than 1 GiB.
MOST_SUPPORT = 8_000
# Queries at a time: 200 MB of features at a width of 512.
MOST_QUERIES = 100_000


def measure(
    method: Method,
    data: EvaluationSet,
    rows: EpisodeRows,
    *,
    far: FarStrangers | None = None,
    base_to_new: bool = False,
    metrics: Mapping[str, Metric] | None = None,
    device: torch.device | None = None,
) -> Tables:
    """Fit and answer tasks with as many shots as are to be seen, on the CPU by default, and score.

    Args:
        method: What is measured.
        data: The set.
        rows: The tasks.
        far: Pictures of other sets that are asked about, too; never for base-to-new.
        base_to_new: Judge each half of the classes among itself: parts "base" and "new", not "all".
        metrics: Metrics of one's own, by the names of their columns.
        device: Where to calculate.

    Raises:
        DataError: The method's answers are not numbers.
    """
    device = device or torch.device("cpu")
    if far is None:
        far = FarStrangers(data, rows.off_class_TO[:, :0])
    if method.sees_joint_alone:
        data, far = data.joint, replace(far, data=far.data.joint)
    n_far = far.picture_TF.shape[1]
    (n_tasks, n_way, n_query), n_off = rows.query_TNQ.shape, rows.off_class_TO.shape[1]
    parts = {"all": slice(0, n_way)}
    if base_to_new:
        n_base = n_base_classes(n_way)
        parts = {"base": slice(0, n_base), "new": slice(n_base, n_way)}
    way_Q = np.repeat([*range(n_way), UNKNOWN, FAR], [n_query] * n_way + [n_off, n_far])
    answers: defaultdict[str, list[np.ndarray]] = defaultdict(list)
    more: dict[str, defaultdict[str, list[Any]]] = {part: defaultdict(list) for part in parts}
    n_seen = rows.support_TNK[0].numel() + rows.pool_TU.shape[1]
    at_once = min(MOST_SUPPORT // n_seen, MOST_QUERIES // (n_way * n_query + n_far))
    firsts = range(0, n_tasks, 1 if method.fit_pictures else max(1, at_once))
    pieces = zip(firsts, rows.split(firsts.step), far.split(firsts.step), strict=True)
    for first, piece, far_piece in pieces:
        own_pictures = (piece.query_TNQ.flatten(1), piece.off_class_TO)
        picture_TQ = torch.cat([*own_pictures, far_piece.picture_TF], 1)
        logits_TQN, known_TQ, cost = _answer(method, data, piece, far_piece, way_Q, device)
        for part, ways in parts.items():
            is_query_Q = (way_Q >= ways.start) & (way_Q < ways.stop)
            own_Q = np.where(is_query_Q, way_Q - ways.start, way_Q.clip(max=UNKNOWN))
            here_TQ = np.where(is_query_Q | (way_Q < 0), picture_TQ.numpy(), -1)
            logits_TQW, own_TQ = logits_TQN[..., ways], np.broadcast_to(own_Q, here_TQ.shape)
            found_q = read_answers(logits_TQW, own_TQ, here_TQ, first, known_TQ)
            if np.isneginf(found_q["log_own"]).any():
                raise DataError(
                    f"{method.name} rules out the class that a picture of {data.name} has (its "
                    "logit is −∞), so that its nll is infinite; give such a class a low logit"
                )
            answers[part].append(found_q)
            for name, metric in (metrics or {}).items():
                for logits_QW, is_asked_Q in zip(
                    logits_TQW, (here_TQ >= 0) & is_query_Q, strict=True
                ):
                    logits_qW = logits_QW[torch.from_numpy(is_asked_Q).to(device)]
                    probabilities_qW = logits_qW.double().softmax(-1).cpu().numpy()
                    more[part][name].append(metric(probabilities_qW, own_Q[is_asked_Q]))
            for name, value in cost.items():
                more[part][name] += [value] * len(picture_TQ)
    pools = pool_facts(rows, data)
    found = [
        cell_tables(
            part,
            np.concatenate(answers[part]),
            rows.classes_TN[:, ways].numpy(),
            pools | more[part],
        )
        for part, ways in parts.items()
    ]
    return {
        name: {key: [value for each in found for value in each[name][key]] for key in columns}
        for name, columns in found[0].items()
    }


def _answer(
    method: Method,
    data: EvaluationSet,
    rows: EpisodeRows,
    far: FarStrangers,
    way_Q: Int[np.ndarray, " Q"],
    device: torch.device,
) -> tuple[Float[Tensor, "T Q N"], dict[str, Float[Tensor, "T Q"]], dict[str, float | None]]:
    """Logits of each picture, how surely it is known, and what one of the tasks costs."""
    n_tasks, n_way, n_shot = rows.support_TNK.shape
    support = Support.of_tasks(
        data.look_up(rows.support_TNK),
        data.text_CD[rows.classes_TN],
        rows.support_TNK >= 0,
        logit_scale=data.logit_scale,
        blocks=data.blocks,
    )
    if rows.pool_TU.shape[1] and not method.sees_labelled_alone:
        support = replace(
            support, pool_TUD=data.look_up(rows.pool_TU), pool_mask_TU=rows.pool_TU >= 0
        )
    support = support.to(device=device)
    query_TQD = data.query_rows(torch.cat([rows.query_TNQ.flatten(1), rows.off_class_TO], 1))
    if far.picture_TF.shape[1]:
        query_TQD = torch.cat([query_TQD, far.data.query_rows(far.picture_TF)], 1)
    query_TQD = query_TQD.to(device)
    fit: Callable[[], AdapterWeights | LogitFunction] = partial(method.fit, support)
    if method.fit_pictures is not None:
        fit = partial(_fit_pictures, method, data, rows, far, support)
    before = reset_peak(device)
    with trained_numbers() as trained:
        head, fit_seconds = timed(fit, device)
        peak = peak_mib(device, before)
    with torch.no_grad():
        logits_TQN, predict_seconds = timed(lambda: logits_of(head, query_TQD), device)
    if (logits_TQN.isnan() | logits_TQN.isposinf()).any():
        raise DataError(
            f"{method.name} gave answers that are not numbers on {data.name} with {n_shot} "
            "shot(s); leave it out of --methods"
        )
    known_TQ: dict[str, Float[Tensor, "T Q"]] = {}
    if (way_Q < 0).any():
        words_WD = noun_features(data).to(device) if method.reads_words else None
        with torch.no_grad():
            asked = AnsweredQueries(query_TQD, logits_TQN, support, words_WD)
            known_TQ = known_answers(method, head, asked, torch.from_numpy(way_Q))
    if any(column_TQ.isnan().any() for column_TQ in known_TQ.values()):
        raise DataError(
            f"{method.name} cannot tell how surely pictures of {data.name} are known: it gave "
            "what is no number; leave it out of --methods"
        )
    by_hand = method.trained_by_hand
    width = query_TQD.shape[-1]
    return (
        logits_TQN,
        known_TQ,
        {
            "fit_seconds": fit_seconds / n_tasks,
            "predict_seconds": predict_seconds / n_tasks,
            "peak_mib": peak,
            "trained_parameters": by_hand(n_way, width) if by_hand else trained.count // n_tasks,
        },
    )


def _fit_pictures(
    method: Method, data: EvaluationSet, rows: EpisodeRows, far: FarStrangers, support: Support
) -> LogitFunction:
    """What answers the queries of the one task of `rows`, by a method that sees pictures."""
    assert method.fit_pictures is not None
    # Their encoder is on the CPU.
    task = picture_task(method.name, data, rows, support.to(device="cpu"))
    answers = method.fit_pictures(task)
    own_Q = torch.cat([rows.query_TNQ.flatten(1), rows.off_class_TO], 1)[0]
    (far_F,) = far.picture_TF

    def answer_queries(query_TQD: Float[Tensor, "T Q D"]) -> Float[Tensor, "T Q N"]:
        logits_TQN = query_TQD.new_zeros(*query_TQD.shape[:2], support.n_way)
        is_there_Q = torch.cat([own_Q, far_F]) >= 0
        paths = files_of(method.name, data, own_Q[own_Q >= 0])
        paths += files_of(method.name, far.data, far_F[far_F >= 0])
        found = answers(paths, query_TQD[0, is_there_Q].cpu())
        logits_TQN[0, is_there_Q] = found.to(logits_TQN)
        return logits_TQN

    return answer_queries
