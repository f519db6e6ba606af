"""The nearest class mean: one vector for each class, the oldest continual learner."""

from __future__ import annotations

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.bench.sequences.learners.learner import Learner
from metaadapter.bench.sequences.learners.questions import Questions, gated

Means = dict[int, Float[Tensor, "_ D"]]
"""Task → the mean picture of each of its classes."""


@final
class NearestMean(Learner[Means]):
    """Answers with the class whose mean picture is nearest, by the Euclidean distance.

    As in iCaRL (Rebuffi et al., CVPR 2017) without its training. Zero-shot CLIP answers for tasks
    that are not learned (`gated`).
    """

    def start(self) -> Means:
        """No means."""
        return {}

    def learn(self, state: Means, support: Support, task: int) -> Means:
        """Add the mean pictures of a task's classes."""
        return {**state, task: support.means_TND[0]}

    def answer(self, state: Means, questions: Questions) -> Float[Tensor, "Q C"]:
        """Scores x · μ_c − ‖μ_c‖² / 2, which order classes as the distances ‖x − μ_c‖ do."""
        means = [state[task] for task in questions.tasks if task in state]
        means_LD = torch.cat([questions.rows_QD[:0], *means])
        scores_QL = questions.rows_QD @ means_LD.mT - 0.5 * means_LD.square().sum(-1)
        return gated(scores_QL, state, questions)
