"""Measures one method on the tasks of one draw at one number of shots: fit, answer, then score."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from episodes import EpisodeRows
from metaadapter.adapter.label_tree import LabelTree
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, LogitFunction, logits_of
from metaadapter.bench.evaluation.cell import Tables
from metaadapter.bench.evaluation.cost import peak_mib, reset_peak, timed, trained_numbers
from metaadapter.bench.evaluation.draws import n_base_classes
from metaadapter.bench.evaluation.evaluation_set import EvaluationSet, noun_features
from metaadapter.bench.evaluation.method import Method
from metaadapter.bench.evaluation.metrics import cell_tables, read_answers
from metaadapter.bench.evaluation.picture_task import files_of, picture_task
from metaadapter.bench.evaluation.pools import pool_facts
from metaadapter.bench.evaluation.strangers import FAR, UNKNOWN, FarStrangers, known_answers
from metaadapter.bench.evaluation.tree_metrics import tree_figures
from metaadapter.bench.peers.unknown_scores import AnsweredQueries
from metaadapter.data.training_steps import one_of_several
from metaadapter.errors import DataError

Metric = Callable[[np.ndarray, np.ndarray], float]
"""Returns a figure from probabilities (n queries, N classes) and correct classes 0 … N − 1 (n,)."""

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
    base_to_new: bool = False,
    metrics: Mapping[str, Metric] | None = None,
    tree: LabelTree | None = None,
    device: torch.device | None = None,
) -> Tables:
    """Fit a method to the supports of `rows`, let it answer the queries, and return its figures.

    With `base_to_new`, each half of the classes is scored by itself, as the parts "base" and "new"
    instead of "all". With a `tree`, there are columns of its figures, too. Raise `DataError` if the
    answers are not finite numbers.
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
    parts = _parts(n_way, base_to_new)
    pieces = zip(range(0, n_tasks, size), rows.split(size), far.split(size), strict=True)
    n_pieces = math.ceil(n_tasks / size)
    for first, piece, far_piece in pieces:
        with one_of_several(first // size, n_pieces):
            logits_TQN, known_TQ, cost = _answer(method, data, piece, far_piece, way_Q, device)
        of_set = (piece.query_TNQ.flatten(1), piece.off_class_TO)
        picture_TQ = torch.cat([*of_set, far_piece.picture_TF], 1).numpy()
        for part in parts:
            answers = part.read(first, logits_TQN, known_TQ, way_Q, picture_TQ)
            if np.isneginf(answers["log_own"]).any():
                raise DataError(
                    f"{method.name} excludes the class of a picture of {data.name} with a logit of "
                    "−∞, so that its nll is infinite; give unlikely classes a low, finite logit"
                )
            part.score(metrics or {}, logits_TQN, way_Q, picture_TQ)
            if tree is not None:
                names = [[data.classes[c] for c in row] for row in piece.classes_TN.tolist()]
                part.score_tree(tree, names, logits_TQN, way_Q, picture_TQ)
            for name, value in cost.items():
                part.columns[name] += [value] * len(picture_TQ)
    pools = pool_facts(rows, data)
    tables = [
        cell_tables(
            part.name,
            np.concatenate(part.answers),
            rows.classes_TN[:, part.ways].numpy(),
            pools | part.columns,
        )
        for part in parts
    ]
    return {
        name: {key: [value for table in tables for value in table[name][key]] for key in columns}
        for name, columns in tables[0].items()
    }


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the classes; collects its answers, and the columns of the user's metrics."""

    name: str
    ways: slice
    answers: list[np.ndarray] = field(default_factory=list)
    columns: defaultdict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))

    def is_query(self, way_Q: Int[np.ndarray, " Q"]) -> Bool[np.ndarray, " Q"]:
        is_query_Q: np.ndarray = (way_Q >= self.ways.start) & (way_Q < self.ways.stop)
        return is_query_Q

    def read(
        self,
        first: int,
        logits_TQN: Float[Tensor, "T Q N"],
        known_TQ: Mapping[str, Float[Tensor, "T Q"]],
        way_Q: Int[np.ndarray, " Q"],
        picture_TQ: Int[np.ndarray, "T Q"],
    ) -> np.ndarray:
        """Add and return the answers in T tasks, whose numbers start at `first`."""
        is_query_Q = self.is_query(way_Q)
        part_way_Q = np.where(is_query_Q, way_Q - self.ways.start, way_Q.clip(max=UNKNOWN))
        counted_TQ = np.where(is_query_Q | (way_Q < 0), picture_TQ, -1)
        way_TQ = np.broadcast_to(part_way_Q, counted_TQ.shape)
        answers = read_answers(logits_TQN[..., self.ways], way_TQ, counted_TQ, first, known_TQ)
        self.answers.append(answers)
        return answers

    def score(
        self,
        metrics: Mapping[str, Metric],
        logits_TQN: Float[Tensor, "T Q N"],
        way_Q: Int[np.ndarray, " Q"],
        picture_TQ: Int[np.ndarray, "T Q"],
    ) -> None:
        for name, metric in metrics.items():
            for answered in self._answered(logits_TQN, way_Q, picture_TQ):
                self.columns[name].append(metric(*answered))

    def score_tree(
        self,
        tree: LabelTree,
        classes: Sequence[Sequence[str]],
        logits_TQN: Float[Tensor, "T Q N"],
        way_Q: Int[np.ndarray, " Q"],
        picture_TQ: Int[np.ndarray, "T Q"],
    ) -> None:
        answered = self._answered(logits_TQN, way_Q, picture_TQ)
        for of_task, names in zip(answered, classes, strict=True):
            for name, figure in tree_figures(tree, names[self.ways], *of_task).items():
                self.columns[name].append(figure)

    def _answered(
        self,
        logits_TQN: Float[Tensor, "T Q N"],
        way_Q: Int[np.ndarray, " Q"],
        picture_TQ: Int[np.ndarray, "T Q"],
    ) -> Iterator[tuple[Float[np.ndarray, "q W"], Int[np.ndarray, " q"]]]:
        """Yield for each task the probabilities of the part's queries, and their ways."""
        for logits_QN, picture_Q in zip(logits_TQN, picture_TQ, strict=True):
            is_query_Q = self.is_query(way_Q) & (picture_Q >= 0)
            logits_qW = logits_QN[torch.from_numpy(is_query_Q).to(logits_QN.device), self.ways]
            probabilities_qW = logits_qW.double().softmax(-1).cpu().numpy()
            yield probabilities_qW, way_Q[is_query_Q] - self.ways.start


def _parts(n_way: int, base_to_new: bool) -> tuple[_Part, ...]:
    if not base_to_new:
        return (_Part("all", slice(0, n_way)),)
    n_base = n_base_classes(n_way)
    return _Part("base", slice(0, n_base)), _Part("new", slice(n_base, n_way))


def _answer(
    method: Method,
    data: EvaluationSet,
    rows: EpisodeRows,
    far: FarStrangers,
    way_Q: Int[np.ndarray, " Q"],
    device: torch.device,
) -> tuple[Float[Tensor, "T Q N"], dict[str, Float[Tensor, "T Q"]], dict[str, float | None]]:
    """Return logits of each query, the columns of `known_answers`, and the cost of one task."""
    n_tasks, n_way, n_shot = rows.support_TNK.shape
    support = _support(method, data, rows).to(device=device)
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
    by_hand = method.trained_by_hand
    n_trained = by_hand(n_way, query_TQD.shape[-1]) if by_hand else trained.count // n_tasks
    cost = {
        "fit_seconds": fit_seconds / n_tasks,
        "predict_seconds": predict_seconds / n_tasks,
        "peak_mib": peak,
        "trained_parameters": n_trained,
    }
    return logits_TQN, known_TQ, cost


def _support(method: Method, data: EvaluationSet, rows: EpisodeRows) -> Support:
    support = Support.of_tasks(
        data.look_up(rows.support_TNK),
        data.text_CD[rows.classes_TN],
        rows.support_TNK >= 0,
        logit_scale=data.logit_scale,
        blocks=data.blocks,
    )
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
