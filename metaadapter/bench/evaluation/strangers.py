"""Draws strangers among the queries, and scores how well methods distinguish them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from episodes import EpisodeRows
from metaadapter.adapter.known import known_logits, known_threshold, prediction_sets
from metaadapter.adapter.weights import AdapterWeights, LogitFunction
from metaadapter.bench.evaluation.methods.method import Method
from metaadapter.bench.evaluation.sets.evaluation_set import EvaluationSet
from metaadapter.bench.peers.unknown_scores import AnsweredQueries, msp

# Added to the seed, so that other draws with the same seed are independent of these.
STREAM = 0x666172


@dataclass(frozen=True, slots=True, eq=False)
class FarStrangers:
    """The far strangers of T tasks."""

    data: EvaluationSet
    picture_TF: Int[Tensor, "T F"]
    """Numbers of pictures in `data`; −1 for padding."""

    def split(self, n_tasks: int) -> Iterator[FarStrangers]:
        """Yield the far strangers of `n_tasks` tasks at a time."""
        parts = torch.split(self.picture_TF, n_tasks)
        return (FarStrangers(self.data, part) for part in parts)


def draw_far(data: EvaluationSet, rows: EpisodeRows, seed: int) -> FarStrangers:
    """Draw as many far strangers for a task as it has near strangers, or queries if it has none.

    Each store of `data` gives the same number, or all its pictures.
    """
    rng = np.random.default_rng([seed, STREAM])
    ends = np.cumsum([len(table) for table in data.features])
    of_stores = [
        first + (data.labels_n[first:end] >= 0).nonzero()[0]
        for first, end in zip([0, *ends[:-1]], ends, strict=True)
    ]
    drawn = []
    for off_class_O, query_NQ in zip(rows.off_class_TO, rows.query_TNQ, strict=True):
        n_wanted = int((off_class_O >= 0).sum()) or int((query_NQ >= 0).sum())
        n_of_store = -(-n_wanted // len(of_stores))
        parts = [rng.permutation(pictures)[:n_of_store] for pictures in of_stores]
        pictures = rng.permutation(np.concatenate(parts))[:n_wanted]
        drawn.append(torch.from_numpy(pictures).long())
    return FarStrangers(data, pad_sequence(drawn, batch_first=True, padding_value=-1))


UNKNOWN = -1
"""The way of a near stranger, a picture of a class that is in the set, but not in the task."""
FAR = -2
"""The way of a far stranger, a picture from another set."""

STRANGER_METRICS = (
    *("unknown_auroc", "far_auroc", "kept", "kept_near", "kept_far"),
    *("set_coverage", "set_size"),
)
"""Fractions of 1, except `set_size`, which is a number of classes.

- `unknown_auroc`, `far_auroc`: the areas under the ROC curve for near and for far strangers.
- `kept`, `kept_near`, `kept_far`: the fractions of known pictures, of near strangers and of far
  strangers above the method's own threshold.
- `set_coverage`, `set_size`: for known pictures, the fraction of the method's sets of classes that
  include the correct class, and the mean size of these sets.
"""


def score_strangers(answers: np.ndarray, n_tasks: int) -> dict[str, Float[np.ndarray, " T"]]:
    """Return metric of `STRANGER_METRICS` → the figures of T tasks.

    The answers may have the columns of `known_answers`; without `known`, `confidence` is the score.
    A figure is NaN if the task has no known pictures or no strangers, or if a column is missing.
    """
    way, columns = answers["way"], answers.dtype.names or ()
    is_known, is_near, is_far = way >= 0, way == UNKNOWN, way == FAR

    def mean(column: str, rows: Bool[np.ndarray, " q"]) -> Float[np.ndarray, " T"]:
        if column not in columns:
            return np.full(n_tasks, np.nan)
        part = answers[rows]
        with np.errstate(invalid="ignore"):
            total = np.bincount(part["task"], part[column], n_tasks)
            return np.asarray(total / np.bincount(part["task"], minlength=n_tasks))

    score = answers["known" if "known" in columns else "confidence"]
    figures = (
        *(_areas(answers["task"], score, is_known, kind, n_tasks) for kind in (is_near, is_far)),
        *(mean("kept", kind) for kind in (is_known, is_near, is_far)),
        *(mean(column, is_known) for column in ("covered", "set_size")),
    )
    return dict(zip(STRANGER_METRICS, figures, strict=True))


def _areas(
    task: np.ndarray,
    score: np.ndarray,
    is_known: Bool[np.ndarray, " q"],
    is_stranger: Bool[np.ndarray, " q"],
    n_tasks: int,
) -> Float[np.ndarray, " T"]:
    areas = np.full(n_tasks, np.nan)
    for number in np.unique(task[is_stranger]):
        is_of_task = (task == number) & (is_known | is_stranger)
        if (is_known & is_of_task).any():
            areas[number] = roc_auc_score(is_known[is_of_task], score[is_of_task])
    return areas


KEEP = 0.95
"""The fraction of known pictures that should be above the threshold of an adapter."""
COVERAGE = 0.9
"""The probability with which an adapter's set of classes should include the correct class."""


def known_answers(
    method: Method,
    head: AdapterWeights | LogitFunction,
    queries: AnsweredQueries,
    way_Q: Int[Tensor, " Q"],
) -> dict[str, Float[Tensor, "T Q"]]:
    """Return the columns that `score_strangers` reads, as far as the method gives them.

    - `known`: the score in the method's name; without such a score, the adapter's logit of known;
      without this logit, the largest probability.
    - `kept`: 1 if the adapter's logit of known is above the adapter's threshold.
    - `covered`, `set_size`: 1 if the adapter's set of classes includes the correct class; its size.

    `way_Q` is the way of each query, the same in all tasks; < 0 for a stranger.
    """
    if method.unknown_score is not None:
        return {"known": method.unknown_score(queries)}
    if not isinstance(head, AdapterWeights) or head.known_head is None:
        return {"known": msp(queries)}
    known_TQ = known_logits(queries.rows_TQD, head).double()
    threshold_T1 = known_threshold(head, KEEP).double()[:, None]
    sets_TQN = prediction_sets(queries.logits_TQN.double().softmax(-1), head, COVERAGE)
    correct_TQ1 = way_Q.clamp(min=0).to(sets_TQN.device)[None, :, None].expand(len(sets_TQN), -1, 1)
    return {
        "known": known_TQ,
        "kept": (known_TQ.sigmoid() >= threshold_T1).double(),
        "covered": sets_TQN.gather(-1, correct_TQ1)[..., 0].double(),
        "set_size": sets_TQN.sum(-1, dtype=torch.float64),
    }
