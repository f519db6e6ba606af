"""The simplest continual learners: zero-shot CLIP, the nearest class mean, and fine-tuning."""

from __future__ import annotations

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, apply_adapter
from metaadapter.bench.peers.descent import clip_adapter
from metaadapter.bench.sequences.learners.learner import Learner, Questions, gated, kept_bytes


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


@final
class FineTuning(Learner[AdapterWeights | None]):
    """Goes on to train the bottleneck of the peer CLIP-Adapter on each new task.

    It compares pictures with texts, so it can also answer with classes that are not learned yet.
    """

    def start(self) -> None:
        """Return None: without a bottleneck this is zero-shot CLIP."""
        return

    def learn(self, state: AdapterWeights | None, support: Support, task: int) -> AdapterWeights:
        """Train on the classes of this task only."""
        return clip_adapter(support, start=state)

    def answer(self, state: AdapterWeights | None, questions: Questions) -> Float[Tensor, "Q C"]:
        """Return the logits s · x' · t_c, with x' the output of the bottleneck for a query."""
        if state is None:
            return questions.zero_shot_QC
        (rows_QD,) = apply_adapter(questions.rows_QD[None], state)
        return Questions(rows_QD, questions.texts, questions.logit_scale).zero_shot_QC

    def n_bytes(self, state: AdapterWeights | None) -> int:
        """Return the size of the bottleneck."""
        return 0 if state is None else kept_bytes(state.visual)
