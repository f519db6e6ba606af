"""The nearest class mean: one vector a class, and the oldest continual learner there is."""

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
    """A picture is of the class whose mean picture is nearest, by the Euclidean distance.

    As in iCaRL (Rebuffi et al., CVPR 2017) without its training; zero-shot CLIP answers for tasks
    that are not learned, as `gated` has it.
    """

    def start(self) -> Means:
        """No means."""
        return {}

    def learn(self, state: Means, support: Support, task: int) -> Means:
        """Add the mean pictures of a task's classes."""
        return {**state, task: support.means_TND[0]}

    def answer(self, state: Means, questions: Questions) -> Float[Tensor, "Q C"]:
        """Scores x · μ_c − ‖μ_c‖² / 2, in which the distances ‖x − μ_c‖ differ."""
        known = [state[task] for task in questions.tasks if task in state]
        means_LD = torch.cat([questions.rows_QD[:0], *known])
        scores_QL = questions.rows_QD @ means_LD.mT - 0.5 * means_LD.square().sum(-1)
        return gated(scores_QL, state, questions)
