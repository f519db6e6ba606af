"""CLIP's own classifier, which learns nothing: a lower bound for learners."""

from __future__ import annotations

from typing import final

from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.bench.sequences.learners.learner import Learner
from metaadapter.bench.sequences.learners.questions import Questions


@final
class ZeroShot(Learner[None]):
    """Answers from the texts of the classes alone."""

    def start(self) -> None:
        """No state."""

    def learn(self, state: None, support: Support, task: int) -> None:
        """Learn nothing."""

    def answer(self, state: None, questions: Questions) -> Float[Tensor, "Q C"]:
        """Logits s · cos(x, t_c)."""
        return questions.zero_shot_QC
