"""The simplest continual learners: zero-shot CLIP, and the nearest class mean."""

from __future__ import annotations

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.bench.sequences.learners.learner import Learner, Questions, gated


@final
class ZeroShot(Learner[None]):
    """Answers from the class texts only."""

    def start(self) -> None:
        """Return None, because there is no state."""

    def learn(self, state: None, support: Support, task: int) -> None:
        """Learn nothing."""

    def answer(self, state: None, questions: Questions) -> Float[Tensor, "Q C"]:
        """Return the logits s · cos(x, t_c)."""
        return questions.zero_shot_QC


Means = dict[int, Float[Tensor, "_ D"]]
"""Task → the mean picture of each of its classes."""


@final
class NearestMean(Learner[Means]):
    """Answers with the class whose mean picture is nearest by the Euclidean distance.

    This is iCaRL (Rebuffi et al., CVPR 2017) without its training; zero-shot CLIP is the gate.
    """

    def start(self) -> Means:
        """Return a state without means."""
        return {}

    def learn(self, state: Means, support: Support, task: int) -> Means:
        """Return a state that also has the mean pictures of a task's classes."""
        return {**state, task: support.means_TND[0]}

    def answer(self, state: Means, questions: Questions) -> Float[Tensor, "Q C"]:
        """Return x · μ_c − ‖μ_c‖² / 2, which is larger for a smaller distance ‖x − μ_c‖."""
        means = [state[task] for task in questions.tasks if task in state]
        means_LD = torch.cat([questions.rows_QD[:0], *means])
        scores_QL = questions.rows_QD @ means_LD.mT - 0.5 * means_LD.square().sum(-1)
        return gated(scores_QL, state, questions)
