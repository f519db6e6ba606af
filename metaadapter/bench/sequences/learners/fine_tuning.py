"""Sequential fine-tuning: one CLIP-Adapter, trained on each task in turn."""

from __future__ import annotations

from typing import final

from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, apply_adapter
from metaadapter.bench.peers.clip_adapter import clip_adapter
from metaadapter.bench.sequences.learners.learner import Learner, Questions, kept_bytes


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
