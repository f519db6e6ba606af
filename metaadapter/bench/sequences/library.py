"""Learners that use a few-shot method: an adapter for each task, or one for the pictures of all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import logsigmoid

from metaadapter.adapter.known import known_logits
from metaadapter.adapter.support import Support
from metaadapter.adapter.task_means import TaskMeans
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.bench.sequences.learner import Learner, Questions, gated, merged, shared

Fit = Callable[[Support], AdapterWeights]
"""A few-shot method: it takes the supports of T tasks and returns their adapters, stacked."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The adapter of one task, and its mean pictures, which tell how well a query fits the task."""

    adapter: AdapterWeights
    means_ND: Float[Tensor, "N D"]
    """The mean picture of each class."""
    counts_N: Int[Tensor, " N"]
    """The number of pictures in each mean."""


@final
class Library(Learner[dict[int, Entry]]):
    """Fits an adapter to each task by itself, and predicts Σ P(task | x) P(class | x, task).

    If queries may show classes that are not learned yet, the adapters' known heads give the total
    probability of the learned classes (`shared`); without known heads, `gated` separates them.
    """

    def __init__(self, fit: Fit) -> None:
        self._fit = fit

    def start(self) -> dict[int, Entry]:
        """Return a state without adapters."""
        return {}

    def learn(self, state: dict[int, Entry], support: Support, task: int) -> dict[int, Entry]:
        """Return a state that also has the adapter of a task."""
        adapter = self._fit(support).map(Tensor.detach).task(0)
        counts_N = support.present_TNK[0].sum(-1).clamp(min=1)
        return {**state, task: Entry(adapter, support.means_TND[0], counts_N)}

    def answer(self, state: dict[int, Entry], questions: Questions) -> Float[Tensor, "Q C"]:
        """Return log-probabilities of the mixture; zero-shot CLIP answers for unlearned classes."""
        learned = [task for task in questions.tasks if task in state]
        entries = [state[task] for task in learned]
        if not entries:
            return questions.zero_shot_QC
        rows_QD, adapters = questions.rows_QD, [entry.adapter for entry in entries]
        means = TaskMeans.of(
            [entry.means_ND for entry in entries],
            text_END=[questions.texts[task] for task in learned],
            counts_EN=[entry.counts_N for entry in entries],
        )
        task_QT = means.per_row(rows_QD)
        log_QL = torch.cat(
            [
                classify(rows_QD, adapter).log_softmax(-1) + log_Q1
                for adapter, log_Q1 in zip(
                    adapters, torch.split(task_QT.log(), 1, dim=-1), strict=True
                )
            ],
            dim=-1,
        )
        if any(adapter.known_head is None for adapter in adapters):
            return gated(log_QL, state, questions)
        known_QT = torch.stack([known_logits(rows_QD, adapter) for adapter in adapters], dim=-1)
        log_known_Q = (task_QT.log() + logsigmoid(known_QT)).logsumexp(-1)
        log_other_Q = (task_QT.log() + logsigmoid(-known_QT)).logsumexp(-1)
        return shared(log_QL, log_known_Q, log_other_Q, state, questions)


@dataclass(frozen=True)
class Pictures:
    """The pictures of all tasks so far, and the method that is fitted to them."""

    supports: dict[int, Support]
    fit: Fit

    @cached_property
    def adapter(self) -> AdapterWeights:
        """The adapter for all classes, task by task; it is fitted when it is first used."""
        return self.fit(merged(self.supports.values())).map(Tensor.detach).task(0)


@final
class PooledFit(Learner[Pictures]):
    """Keeps all pictures, and fits one adapter for all classes after each new task.

    With `sees_every_task`, it has the pictures of all tasks from the start, which is an upper bound
    for learners that see one task at a time.
    """

    def __init__(self, fit: Fit, *, sees_every_task: bool = False) -> None:
        self._fit = fit
        self.sees_every_task = sees_every_task

    def start(self) -> Pictures:
        """Return a state without pictures."""
        return Pictures({}, self._fit)

    def learn(self, state: Pictures, support: Support, task: int) -> Pictures:
        """Return a state that also has the pictures of a task."""
        return Pictures({**state.supports, task: support}, self._fit)

    def answer(self, state: Pictures, questions: Questions) -> Float[Tensor, "Q C"]:
        """Return the adapter's logits; `gated` adds the classes that are not learned."""
        learned = [task for task in questions.tasks if task in state.supports]
        if not learned:
            return questions.zero_shot_QC
        logits_QA = classify(questions.rows_QD, state.adapter)
        ways = [support.n_way for support in state.supports.values()]
        of_task = dict(zip(state.supports, torch.split(logits_QA, ways, dim=-1), strict=True))
        scores_QL = torch.cat([of_task[task] for task in learned], dim=-1)
        return gated(scores_QL, state.supports, questions)
