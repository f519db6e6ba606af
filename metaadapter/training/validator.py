"""The validator, which measures generators on fixed tasks from the validation sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from episodes import (
    EpisodeBatch,
    EpisodeError,
    EpisodeRows,
    Episodes,
    LabelIndex,
    TaskSource,
    gather,
    nested_draws,
)
from episodes.draws import draw_off_class
from episodes.mixture import foreign_rows
from episodes.pools import draw_pools
from episodes.tasks import first_views
from metaadapter.adapter.known import known_logits
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.training.config import ValidateConfig
from metaadapter.training.figures import Kind, Tables, Validation
from metaadapter.training.loss_terms import known_loss, query_loss

N_QUERY, MOST_WAYS, N_STRANGERS = 15, 20, 60
# The number of tasks, of up to twenty ways and sixteen shots, that are classified at a time.
CHUNK_TASKS = 10


@final
class Validator:
    """Measures generators on tasks that are drawn once, the same in every round.

    With more shots a task keeps the pictures and queries that it has with fewer. With `strangers`
    it measures how well known pictures are separated from unknown ones.
    """

    def __init__(
        self,
        sets: Mapping[Kind, Sequence[TaskSource]],
        config: ValidateConfig,
        *,
        seed: int,
        pools: bool = False,
        strangers: bool = False,
    ) -> None:
        self._config, self._pools, self._strangers = config, pools, strangers
        self._sets = [
            (kind, source, self._draw(source, seed))
            for kind, sources in sets.items()
            for source in sources
        ]
        sources = [source for _, source, _ in self._sets]
        self._far = {
            source.name: _far_strangers(source, sources if strangers else [], seed)
            for source in sources
        }

    @property
    def is_empty(self) -> bool:
        """Whether there is no validation set."""
        return not self._sets

    def __call__(self, generator: AdapterGenerator, step: int) -> Validation:
        """Return the figures of the generator's adapters on all tasks."""
        accuracy: Tables = {"classes": {}, "domains": {}}
        loss: Tables = {"classes": {}, "domains": {}}
        for kind, source, rows in self._sets:
            far = self._far[source.name] if self._strangers else None
            for n in (n for n in self._config.shots if n <= rows.support_TNK.shape[-1]):
                chunks = rows.first(n).split(CHUNK_TASKS)
                sums = [_measure(generator, source, chunk, far) for chunk in chunks]
                n_correct, n_queries, losses, n_tasks = map(sum, zip(*sums, strict=True))
                accuracy[kind].setdefault(source.name, {})[n] = n_correct / max(n_queries, 1)
                loss[kind].setdefault(source.name, {})[n] = losses / n_tasks
        return Validation(step, accuracy, loss)

    def _draw(self, source: TaskSource, seed: int) -> EpisodeRows:
        config = self._config
        # The shots for which two classes have enough pictures and a query; if none, the fewest.
        second_largest = int(source.index.counts_C.sort(descending=True).values[:2].min())
        shots = tuple(n for n in config.shots if n < second_largest) or (min(config.shots),)
        try:
            ways = MOST_WAYS
            if self._strangers:  # half of the classes give the unknown pictures
                ways = min(MOST_WAYS, max(2, int((source.index.counts_C > 0).sum()) // 2))
            rows = nested_draws(source.index, shots, N_QUERY, config.tasks, ways, seed)
            if self._strangers:
                generator = torch.Generator().manual_seed(seed)
                counts_C = source.index.counts_C
                places_TO = draw_off_class(rows.classes_TN, counts_C, N_STRANGERS, generator)
                rows = replace(rows, off_class_TO=source.index.rows_at(places_TO))
            if self._pools:
                rows = _with_pools(source.index, rows, seed)
        except EpisodeError as error:
            raise EpisodeError(f"validation set {source.name!r}: {error}") from error
        return rows


def _far_strangers(
    source: TaskSource, others: Sequence[TaskSource], seed: int
) -> Float[Tensor, "O D"]:
    """Return first views of pictures from other sources with this encoder, as many from each."""
    generator, foreign = torch.Generator().manual_seed(seed), foreign_rows(source, others)
    parts = [source.text_CD.new_zeros(0, source.text_CD.shape[1])]
    for other, rows_n in foreign:
        chosen = torch.randperm(len(rows_n), generator=generator)[: N_STRANGERS // len(foreign)]
        parts.append(first_views(other, rows_n[chosen]))
    return torch.cat(parts)


def _with_pools(index: LabelIndex, rows: EpisodeRows, seed: int) -> EpisodeRows:
    generator = torch.Generator().manual_seed(seed)
    drawn = [
        draw_pools(
            index,
            index.starts_CM[task.classes_TN, 0],
            index.counts_C[task.classes_TN],
            task.classes_TN,
            task.support_TNK,
            (task.query_TNQ,),
            generator,
        )[0]
        for task in rows.split(1)
    ]
    return replace(rows, pool_TU=pad_sequence(drawn, batch_first=True, padding_value=-1))


def _measure(
    generator: AdapterGenerator,
    source: TaskSource,
    rows: EpisodeRows,
    far: Float[Tensor, "O D"] | None,
) -> tuple[float, float, float, float]:
    """Return the number of correct queries, that of queries, the sum of losses, and that of tasks.

    With strangers `far` the figures are those of the known head.
    """
    episodes = gather(rows, source)
    support = Support.of_batch(episodes.batch, episodes.logit_scale, episodes.blocks)
    if rows.pool_TU.shape[1]:
        support = replace(support, pool_TUD=episodes.pool_TUD, pool_mask_TU=episodes.pool_mask_TU)
    weights = generator.predict(support)
    if far is None:
        correct, loss = _classified(weights, episodes.batch)
    else:
        strangers = far.expand(support.n_tasks, *far.shape)
        correct, loss = _separated(weights, episodes.with_off_class(strangers))
    n_queries = float((episodes.batch.query_labels_TQ >= 0).sum())
    return correct, n_queries, loss, float(support.n_tasks)


def _classified(weights: AdapterWeights, batch: EpisodeBatch) -> tuple[float, float]:
    """Return the number of correct queries, and the sum of the losses of the tasks."""
    logits_TQN = classify(batch.query_TQD, weights)
    n_correct = float((logits_TQN.argmax(-1) == batch.query_labels_TQ).sum())
    return n_correct, len(logits_TQN) * float(query_loss(logits_TQN, batch))


def _separated(weights: AdapterWeights, episodes: Episodes) -> tuple[float, float]:
    """Return the number of known pictures times accuracy, and the sum of `known_loss` over tasks.

    Accuracy is the mean of two fractions: known pictures whose probability of known is at least
    1/2, and unknown pictures whose probability of known is lower.
    """
    query_TQD, is_known_TQ = episodes.batch.query_TQD, episodes.batch.query_labels_TQ >= 0
    is_unknown_TO = episodes.off_class_mask_TO
    kept_TQ = (known_logits(query_TQD, weights) >= 0) & is_known_TQ
    rejected_TO = (known_logits(episodes.off_class_TOD, weights) < 0) & is_unknown_TO
    n_known, n_unknown = int(is_known_TQ.sum()), int(is_unknown_TO.sum())
    fractions = [kept_TQ.sum() / max(n_known, 1)]
    if n_unknown:
        fractions.append(rejected_TO.sum() / n_unknown)
    accuracy = float(sum(fractions)) / len(fractions)
    return accuracy * n_known, float(known_loss(weights, episodes).sum())
