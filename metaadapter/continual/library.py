"""A library of adapters, one a task, none of which ever changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter import AdapterWeights, Support, classify
from metaadapter.continual.learner import Learner
from metaadapter.continual.pooled_fit import Fit
from metaadapter.continual.questions import Questions, gated
from metaadapter.continual.route import task_probabilities

__all__ = ["Entry", "Library"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of a task."""

    adapter: AdapterWeights
    means_ND: Float[Tensor, "N D"]
    """The mean picture of each class, by which it is told from other tasks."""


@final
class Library(Learner[dict[int, Entry]]):
    """Fits one adapter a task to its pictures alone, and mixes: Σ P(task | x) P(class | x, task).

    Within one task nothing is forgotten: its adapter stays as it is. Classes that are not learned
    are as `gated` has them.
    """

    def __init__(self, fit: Fit) -> None:
        self._fit = fit

    def start(self) -> dict[int, Entry]:
        """No adapter."""
        return {}

    def learn(self, state: dict[int, Entry], support: Support, task: int) -> dict[int, Entry]:
        """Add the adapter of a task."""
        adapter = self._fit(support).map(Tensor.detach).task(0)
        return {**state, task: Entry(adapter, support.means_TND[0])}

    def answer(self, state: dict[int, Entry], questions: Questions) -> Float[Tensor, "Q C"]:
        """Log-probabilities of the mixture."""
        known = [state[task] for task in questions.tasks if task in state]
        if not known:
            return questions.zero_shot_QC
        task_QT = task_probabilities(questions.rows_QD, [each.means_ND for each in known])
        log_QL = torch.cat(
            [
                classify(questions.rows_QD, each.adapter).log_softmax(-1) + log_Q1
                for each, log_Q1 in zip(known, torch.split(task_QT.log(), 1, dim=-1), strict=True)
            ],
            dim=-1,
        )
        return gated(log_QL, state, questions)
