"""Measures one method on the tasks of one draw at one number of shots: fit, answer, then score."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from episodes import EpisodeRows
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, LogitFunction, logits_of
from metaadapter.bench.evaluation.cost import peak_mib, reset_peak, timed
from metaadapter.bench.evaluation.methods.method import Method, files_of, picture_task
from metaadapter.bench.evaluation.metrics import Tables, cell_tables, read_answers
from metaadapter.bench.evaluation.sets.evaluation_set import EvaluationSet, noun_features
from metaadapter.bench.evaluation.strangers import FAR, UNKNOWN, FarStrangers, known_answers
from metaadapter.bench.evaluation.task_figures import TaskFigures
from metaadapter.bench.peers.unknown_scores import AnsweredQueries
from metaadapter.errors import DataError

# Support pictures at a time, so that CLIP-Adapter with 20 classes and 16 shots takes under 1 GiB.
MOST_SUPPORT = 8_000
# Queries at a time, which are 200 MB of features at a width of 512.
MOST_QUERIES = 100_000


def measure(
    method: Method,
    data: EvaluationSet,
    rows: EpisodeRows,
    *,
    far: FarStrangers | None = None,
    figures: Sequence[TaskFigures] = (),
    device: torch.device | None = None,
) -> Tables:
    """Fit a method to the supports of `rows`, let it answer the queries, and return its figures.

    `figures` give further columns. Raise `DataError` if the answers are not finite numbers.
    """
    device = device or torch.device("cpu")
    if far is None:
        far = FarStrangers(data, rows.off_class_TO[:, :0])
    if method.sees_joint_alone:
        data, far = data.joint, replace(far, data=far.data.joint)
    n_tasks, n_way, n_query = rows.query_TNQ.shape
    n_off, n_far = rows.off_class_TO.shape[1], far.picture_TF.shape[1]
    way_Q = np.repeat([*range(n_way), UNKNOWN, FAR], [n_query] * n_way + [n_off, n_far])
    n_seen = rows.support_TNK[0].numel() + rows.pool_TU.shape[1]
    size = min(MOST_SUPPORT // n_seen, MOST_QUERIES // (n_way * n_query + n_far))
    size = 1 if method.fit_pictures else max(1, size)
    answers: list[np.ndarray] = []
    columns: Columns = defaultdict(list)
    pieces = zip(range(0, n_tasks, size), rows.split(size), far.split(size), strict=True)
    for first, piece, far_piece in pieces:
        logits_TQN, known_TQ, cost = _answer(method, data, piece, far_piece, way_Q, device)
        of_set = (piece.query_TNQ.flatten(1), piece.off_class_TO)
        picture_TQ = torch.cat([*of_set, far_piece.picture_TF], 1).numpy()
        way_TQ = np.broadcast_to(way_Q, picture_TQ.shape)
        answers.append(read_answers(logits_TQN, way_TQ, picture_TQ, first, known_TQ))
        if np.isneginf(answers[-1]["log_own"]).any():
            raise DataError(
                f"{method.name} excludes the class of a picture of {data.name} with a logit of "
                "−∞, so that its nll is infinite; give unlikely classes a low, finite logit"
            )
        if figures:
            for row in _of_tasks(figures, data, piece.classes_TN, logits_TQN, way_Q, picture_TQ):
                _append(columns, row)
        for _ in picture_TQ:
            _append(columns, cost)
    return cell_tables(np.concatenate(answers), rows.classes_TN.numpy(), columns)


Columns = defaultdict[str, list[Any]]


def _append(columns: Columns, row: Mapping[str, Any]) -> None:
    for name, value in row.items():
        columns[name].append(value)


def _of_tasks(
    figures: Sequence[TaskFigures],
    data: EvaluationSet,
    classes_TN: Int[Tensor, "T N"],
    logits_TQN: Float[Tensor, "T Q N"],
    own_Q: Int[np.ndarray, " Q"],
    picture_TQ: Int[np.ndarray, "T Q"],
) -> Iterator[dict[str, float]]:
    """Yield the further figures of each task; `own_Q` is the correct way, < 0 for a stranger."""
    for classes_N, logits_QN, picture_Q in zip(
        classes_TN.tolist(), logits_TQN, picture_TQ, strict=True
    ):
        is_asked_Q = (own_Q >= 0) & (picture_Q >= 0)
        logits_qN = logits_QN[torch.from_numpy(is_asked_Q).to(logits_QN.device)]
        p_qN = logits_qN.double().softmax(-1).cpu().numpy()
        names = [data.classes[number] for number in classes_N]
        of_all = [figure(names, p_qN, own_Q[is_asked_Q]) for figure in figures]
        yield {name: value for row in of_all for name, value in row.items()}


def _answer(
    method: Method,
    data: EvaluationSet,
    rows: EpisodeRows,
    far: FarStrangers,
    way_Q: Int[np.ndarray, " Q"],
    device: torch.device,
) -> tuple[Float[Tensor, "T Q N"], dict[str, Float[Tensor, "T Q"]], dict[str, float | None]]:
    """Return logits of each query, the columns of `known_answers`, and the cost of one task."""
    n_tasks, _, n_shot = rows.support_TNK.shape
    support = _support(method, data, rows).to(device=device)
    query_TQD = data.query_rows(torch.cat([rows.query_TNQ.flatten(1), rows.off_class_TO], 1))
    if far.picture_TF.shape[1]:
        query_TQD = torch.cat([query_TQD, far.data.query_rows(far.picture_TF)], 1)
    query_TQD = query_TQD.to(device)
    fit: Callable[[], AdapterWeights | LogitFunction] = partial(method.fit, support)
    if method.fit_pictures is not None:
        fit = partial(_fit_pictures, method, data, rows, far, support)
    before = reset_peak(device)
    head, fit_seconds = timed(fit, device)
    peak = peak_mib(device, before)
    with torch.no_grad():
        logits_TQN, predict_seconds = timed(lambda: logits_of(head, query_TQD), device)
    if (logits_TQN.isnan() | logits_TQN.isposinf()).any():
        raise DataError(
            f"{method.name} gave logits that are not numbers on {data.name} with {n_shot} "
            f"shot(s); leave {method.name} out of --methods"
        )
    known_TQ: dict[str, Float[Tensor, "T Q"]] = {}
    if (way_Q < 0).any():
        words_WD = noun_features(data).to(device) if method.reads_words else None
        with torch.no_grad():
            queries = AnsweredQueries(query_TQD, logits_TQN, support, words_WD)
            known_TQ = known_answers(method, head, queries, torch.from_numpy(way_Q))
    if any(column_TQ.isnan().any() for column_TQ in known_TQ.values()):
        raise DataError(
            f"{method.name} gave scores that are not numbers for how surely pictures of "
            f"{data.name} are known; leave {method.name} out of --methods"
        )
    cost = {
        "fit_seconds": fit_seconds / n_tasks,
        "predict_seconds": predict_seconds / n_tasks,
        "peak_mib": peak,
    }
    return logits_TQN, known_TQ, cost


def _support(method: Method, data: EvaluationSet, rows: EpisodeRows) -> Support:
    support = data.support(rows)
    if method.sees_labelled_alone or not rows.pool_TU.shape[1]:
        return support
    return replace(support, pool_TUD=data.look_up(rows.pool_TU), pool_mask_TU=rows.pool_TU >= 0)


def _fit_pictures(
    method: Method, data: EvaluationSet, rows: EpisodeRows, far: FarStrangers, support: Support
) -> LogitFunction:
    assert method.fit_pictures is not None
    # The encoder of a method that reads pictures is on the CPU.
    task = picture_task(method.name, data, rows, support.to(device="cpu"))
    answers = method.fit_pictures(task)
    of_set_Q = torch.cat([rows.query_TNQ.flatten(1), rows.off_class_TO], 1)[0]
    (far_F,) = far.picture_TF

    def answer_queries(query_TQD: Float[Tensor, "T Q D"]) -> Float[Tensor, "T Q N"]:
        logits_TQN = query_TQD.new_zeros(*query_TQD.shape[:2], support.n_way)
        is_picture_Q = torch.cat([of_set_Q, far_F]) >= 0
        paths = files_of(method.name, data, of_set_Q[of_set_Q >= 0])
        paths += files_of(method.name, far.data, far_F[far_F >= 0])
        logits = answers(paths, query_TQD[0, is_picture_Q].cpu())
        logits_TQN[0, is_picture_Q] = logits.to(logits_TQN)
        return logits_TQN

    return answer_queries
