"""Where a run stands: accuracy and loss by shots on fixed tasks of the validation sets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any, Literal, final

import torch
from jaxtyping import Float
from pydantic import TypeAdapter
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from episodes import EpisodeError, EpisodeRows, LabelIndex, TaskSource, gather, nested_draws
from episodes.draws import draw_off_class
from episodes.pools import PoolSpec, draw_pools
from metaadapter.adapter.known import known_logits
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.data.strict_json import json_text
from metaadapter.generator.base import AdapterGenerator
from metaadapter.training.config import ValidateConfig
from metaadapter.training.known_loss import known_loss
from metaadapter.training.query_loss import query_loss

Kind = Literal["classes", "domains"]
Tables = dict[Kind, dict[str, dict[int, float]]]
"""Held-out classes and held-out domains → set → shots → a figure."""
N_QUERY, MOST_WAYS, N_STRANGERS = 15, 20, 60
# The number of tasks of twenty ways and sixteen shots that are classified at a time.
CHUNK_TASKS = 10


@dataclass(frozen=True, slots=True)
class Validation:
    """One round: figures of each set at each number of shots."""

    step: int
    accuracy: Tables
    """Fraction of the queries that are classified correctly; in a run for the head that tells known
    pictures alone, of known and strange pictures that are told rightly."""
    loss: Tables
    """Cross-entropy of the queries divided by log(ways): 1 is guessing; or `known_loss`."""

    @property
    def mean_accuracy(self) -> float:
        """The mean of both kinds, each the mean over its sets and shots; that of one kind alone."""
        return _mean_of_kinds(self.accuracy)

    @property
    def mean_loss(self) -> float:
        """The mean loss of both kinds. It chooses: unlike accuracy it also sees confidence."""
        return _mean_of_kinds(self.loss)

    @property
    def score(self) -> float:
        """1 less the mean loss: the best round has the highest score."""
        return 1 - self.mean_loss

    @property
    def by_shots(self) -> dict[int, float]:
        """The mean accuracy over all sets at each number of shots."""
        tables = [table for sets in self.accuracy.values() for table in sets.values()]
        shots = sorted({n_shot for table in tables for n_shot in table})
        return {
            n_shot: fmean(table[n_shot] for table in tables if n_shot in table) for n_shot in shots
        }

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {"step": self.step, "score": self.score, **asdict(self)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Validation:
        """Read what `to_dict` gave, also after JSON turned the numbers of shots into text."""
        return TypeAdapter(cls).validate_python(stored)


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a run stands after one of its steps, or before the first."""

    step: int
    validation: Validation | None
    """The round after this step, if there was one."""
    terms: Mapping[str, float]
    """Each loss term, unweighted, and the weighted "total": means over the draws of the step."""
    lr: float = 0.0
    grad_norm: float = 0.0
    """The norm of the gradient before it is cut."""
    tasks_per_second: float = 0.0
    n_skipped: int = 0
    """Steps so far without effect: a loss or a gradient was not finite, or no task had a pool."""

    def log_line(self, seconds: float) -> bytes:
        """One line of JSON, such as `{"step": 10, "loss": {"query": 0.41}}`; null if not finite."""
        figures: dict[str, Any] = {"step": self.step, "seconds": round(seconds, 3)}
        if self.terms:
            figures |= {
                "loss": self.terms,
                "lr": self.lr,
                "grad_norm": self.grad_norm,
                "tasks_per_second": round(self.tasks_per_second, 1),
                "n_skipped": self.n_skipped,
            }
        if self.validation:
            figures["validation"] = self.validation.to_dict()
        return json_text(_finite(figures)).encode() + b"\n"


@final
class Validator:
    """Judges generators on tasks that were drawn once: every round sees the same.

    A task with more shots has the pictures of the one with fewer, and the same queries.
    """

    def __init__(
        self,
        sets: Mapping[Kind, Sequence[TaskSource]],
        config: ValidateConfig,
        *,
        seed: int,
        pools: PoolSpec | None = None,
        strangers: bool = False,
    ) -> None:
        """`strangers`: judge how known pictures are told from those of other classes and sets."""
        self._config, self._pools, self._strangers = config, pools, strangers
        self._sets = [
            (kind, source, self._draw(source, seed))
            for kind, sources in sets.items()
            for source in sources
        ]
        everything = [source for _, source, _ in self._sets]
        self._far = {
            source.name: _far_strangers(source, everything if strangers else [], seed)
            for source in everything
        }

    @property
    def is_empty(self) -> bool:
        """Whether there is no validation set."""
        return not self._sets

    def __call__(self, generator: AdapterGenerator, step: int) -> Validation:
        """Classify all tasks with the generator's adapters."""
        accuracy: Tables = {"classes": {}, "domains": {}}
        loss: Tables = {"classes": {}, "domains": {}}
        for kind, source, rows in self._sets:
            shots = [n for n in self._config.shots if n <= rows.support_TNK.shape[-1]]
            far = self._far[source.name]
            judged = {
                n: _judge(generator, source, rows.first(n), far if self._strangers else None)
                for n in shots
            }
            accuracy[kind][source.name] = {n: judged[n][0] for n in shots}
            loss[kind][source.name] = {n: judged[n][1] for n in shots}
        return Validation(step, accuracy, loss)

    def _draw(self, source: TaskSource, seed: int) -> EpisodeRows:
        config = self._config
        # Shots that two classes have pictures for, and one more to classify; else the fewest.
        second_largest = int(source.index.counts_C.sort(descending=True).values[:2].min())
        shots = tuple(n for n in config.shots if n < second_largest) or (min(config.shots),)
        try:
            ways = MOST_WAYS
            if self._strangers:  # half of the classes are to be strange
                ways = min(MOST_WAYS, max(2, int((source.index.counts_C > 0).sum()) // 2))
            rows = nested_draws(source.index, shots, N_QUERY, config.tasks, ways, seed)
            if self._strangers:
                rows = _with_strangers(source.index, rows, seed)
            if self._pools:
                rows = _with_pools(source.index, rows, self._pools, seed)
        except EpisodeError as error:
            raise EpisodeError(f"validation set {source.name!r}: {error}") from error
        return rows.to(source.features_nVD.device)


def _far_strangers(
    source: TaskSource, others: Sequence[TaskSource], seed: int
) -> Float[Tensor, "O D"]:
    """Up to 60 pictures of the other sets of the same encoder."""
    width = source.features_nVD.shape[2]
    parts = [
        each.features_nVD[each.labels_n >= 0, 0]
        for each in others
        if each is not source and each.encoder == source.encoder
    ]
    rows = torch.cat([source.features_nVD[:0, 0], *(p for p in parts if p.shape[1] == width)])
    chosen = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    return rows[chosen[:N_STRANGERS].to(rows.device)]


def _with_strangers(index: LabelIndex, rows: EpisodeRows, seed: int) -> EpisodeRows:
    """The tasks with pictures of other classes."""
    generator = torch.Generator().manual_seed(seed)
    places_TO = draw_off_class(rows.classes_TN, index.counts_C, N_STRANGERS, generator)
    return replace(rows, off_class_TO=index.rows_at(places_TO))


def _with_pools(index: LabelIndex, rows: EpisodeRows, pools: PoolSpec, seed: int) -> EpisodeRows:
    """The tasks with pools of sizes of their own."""
    generator = torch.Generator().manual_seed(seed)
    drawn = [
        draw_pools(
            index,
            index.starts_CM[task.classes_TN, 0],
            index.counts_C[task.classes_TN],
            task.classes_TN,
            task.support_TNK,
            (task.query_TNQ,),
            pools,
            generator,
        )[0]
        for task in rows.split(1)
    ]
    return replace(rows, pool_TU=pad_sequence(drawn, batch_first=True, padding_value=-1))


def _judge(
    generator: AdapterGenerator,
    source: TaskSource,
    rows: EpisodeRows,
    far: Float[Tensor, "O D"] | None,
) -> tuple[float, float]:
    """The fraction of all queries that are correct, and the mean over tasks of their loss.

    With `far` strangers, and near ones of the set, the fraction of queries and strangers, both
    kinds counted alike, that are told rightly at a probability of one half; and the loss of that.
    """
    n_correct, n_queries = 0.0, 0
    losses = 0.0
    for chunk in rows.split(CHUNK_TASKS):
        episodes = gather(chunk, source)
        batch = episodes.batch
        support = Support.of_batch(batch, episodes.logit_scale, episodes.blocks)
        if chunk.pool_TU.shape[1]:
            support = replace(
                support, pool_TUD=episodes.pool_TUD, pool_mask_TU=episodes.pool_mask_TU
            )
        weights = generator.predict(support)
        if far is not None:
            episodes = episodes.with_off_class(far.expand(len(batch.text_TND), *far.shape))
            is_known_TQ, is_strange_TO = batch.query_labels_TQ >= 0, episodes.off_class_mask_TO
            kept_TQ = (known_logits(batch.query_TQD, weights) >= 0) & is_known_TQ
            told_TO = (known_logits(episodes.off_class_TOD, weights) < 0) & is_strange_TO
            n_each = int(is_known_TQ.sum()), int(is_strange_TO.sum())
            shares = [kept_TQ.sum() / max(n_each[0], 1)]
            if n_each[1]:
                shares.append(told_TO.sum() / n_each[1])
            n_correct += float(sum(shares)) / len(shares) * n_each[0]
            n_queries += n_each[0]
            losses += float(known_loss(weights, episodes).sum())
            continue
        logits_TQN = classify(batch.query_TQD, weights)
        n_correct += int((logits_TQN.argmax(-1) == batch.query_labels_TQ).sum())
        n_queries += int((batch.query_labels_TQ >= 0).sum())
        losses += len(logits_TQN) * float(query_loss(logits_TQN, batch))
    return n_correct / max(n_queries, 1), losses / len(rows.classes_TN)


def _mean_of_kinds(tables: Tables) -> float:
    kinds = [sets for sets in tables.values() if sets]
    return fmean(fmean(fmean(table.values()) for table in sets.values()) for sets in kinds)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
