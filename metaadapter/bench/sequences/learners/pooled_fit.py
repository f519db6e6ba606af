"""`PooledFit`: any few-shot method, fitted again to the pictures of all tasks after each task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.bench.sequences.learners.learner import Learner, Questions, gated, merged

Fit = Callable[[Support], AdapterWeights]
"""A few-shot method: it takes the supports of T tasks and returns their adapters, stacked."""


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
