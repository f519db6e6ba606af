"""The learners that are peers: RAIL, and fine-tuning of one bottleneck."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import one_hot

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, apply_adapter
from metaadapter.bench.peers.descent import clip_adapter
from metaadapter.bench.sequences.learner import NUMBER, Learner, Questions, kept_bytes

SEED = 0
# The authors' number of hidden numbers, their λ, and the weight β of the regression in the answer.
N_HIDDEN, RIDGE, FUSION = 15_000, 0.1, 0.9


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


@dataclass(frozen=True, slots=True)
class RidgeState:
    """The pictures so far, and the head of each task."""

    supports: dict[int, Support]
    heads: dict[int, Float[Tensor, "M _"]]
    """Task → the coefficients of its classes for M hidden numbers."""


@final
class RAIL(Learner[RidgeState]):
    """Primal RAIL (Xu et al., NeurIPS 2024): ridge regression fused with zero-shot CLIP.

    The regression is r = h W with h = max(0, x P), P uniform in ±1/√D, and W = (Σ h hᵀ + λ I)⁻¹
    Σ h yᵀ for the one-hot classes y of all pictures so far. The authors update W recursively; the
    same W is Hᵀ (H Hᵀ + λ I)⁻¹ Y, which is cheap, because there are far fewer pictures than hidden
    numbers. The answer is (1 − β) p + β r for a query whose best class by p is in a learned task,
    else p: p are the probabilities of zero-shot CLIP, and r is 0 for classes not learned.
    """

    def __init__(self, n_hidden: int = N_HIDDEN) -> None:
        self._n_hidden = n_hidden

    def start(self) -> RidgeState:
        """Return a state without pictures."""
        return RidgeState({}, {})

    def learn(self, state: RidgeState, support: Support, task: int) -> RidgeState:
        """Add the pictures of a task, and solve for all classes so far."""
        supports = {**state.supports, task: support}
        parts = [one.labelled_rows() for one in supports.values()]
        ways = [one.n_way for one in supports.values()]
        blocks = [
            one_hot(labels, n_way).double() for (_, labels), n_way in zip(parts, ways, strict=True)
        ]
        targets_nC = torch.block_diag(*blocks)  # type: ignore[no-untyped-call]
        hidden_nM = self.hidden(torch.cat([rows for rows, _ in parts]).double())
        # Not a solver, so that rounding does no harm where pictures are alike.
        values_n, vectors_nn = torch.linalg.eigh(hidden_nM @ hidden_nM.mT)
        along_nC = (vectors_nn.mT @ targets_nC) / (values_n.clamp(min=0) + RIDGE)[:, None]
        heads = torch.split(hidden_nM.mT @ (vectors_nn @ along_nC), ways, dim=-1)
        return RidgeState(supports, dict(zip(supports, heads, strict=True)))

    def answer(self, state: RidgeState, questions: Questions) -> Float[Tensor, "Q C"]:
        """Return the fused scores, those of zero-shot CLIP for classes not learned."""
        zero_shot_QC = questions.zero_shot_QC.softmax(-1)
        heads = [state.heads[task] for task in questions.tasks if task in state.heads]
        if not heads:
            return zero_shot_QC
        hidden_QM = self.hidden(questions.rows_QD)
        is_learned_C = questions.is_of(state.supports)
        regression_QC = torch.zeros_like(zero_shot_QC)
        regression_QC[:, is_learned_C] = hidden_QM @ torch.cat(heads, dim=-1).to(hidden_QM)
        is_fused_Q1 = is_learned_C[zero_shot_QC.argmax(-1)][:, None]
        fused_QC = (1 - FUSION) * zero_shot_QC + FUSION * regression_QC
        return torch.where(is_fused_Q1, fused_QC, zero_shot_QC)

    def n_bytes(self, state: RidgeState) -> int:
        """Return the size of the authors' state: (Σ h hᵀ + λ I)⁻¹ (M × M) and W (M × C)."""
        n_classes = sum(head.shape[-1] for head in state.heads.values())
        return self._n_hidden * (self._n_hidden + n_classes) * NUMBER

    def hidden(self, rows_nD: Float[Tensor, "n D"]) -> Float[Tensor, "n M"]:
        """Return max(0, x P) for the rows x; the random P depends only on D and M."""
        return (rows_nD @ _random_layer(rows_nD.shape[-1], self._n_hidden).to(rows_nD)).relu()


# A layer of 3008 × 15,000 numbers takes 180 MB.
@lru_cache(maxsize=1)
def _random_layer(width: int, n_hidden: int) -> Float[Tensor, "D M"]:
    draw = torch.Generator().manual_seed(SEED)
    uniform_DM: Tensor = (2 * torch.rand(width, n_hidden, generator=draw) - 1) / width**0.5
    return uniform_DM
