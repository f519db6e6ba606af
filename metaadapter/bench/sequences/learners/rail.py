"""RAIL (Xu et al., NeurIPS 2024): ridge regression fused with zero-shot CLIP, primal and dual."""

from __future__ import annotations

from typing import Literal, final

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.bench.sequences.learners.learner import NUMBER, Learner, Questions
from metaadapter.bench.sequences.learners.random_ridge import (
    RidgeState,
    hidden_rows,
    one_hot_rows,
    ridge_through_products,
    split_by_task,
)

Form = Literal["primal", "dual"]
# The authors' settings: the hidden numbers of the primal form, λ of both forms, γ of the dual form,
# and the weight β of the regression in the answer.
N_HIDDEN = 15_000
GAMMA = 0.1
RIDGE: dict[Form, float] = {"primal": 0.1, "dual": 1e-3}
FUSION = 0.9


@final
class RAIL(Learner[RidgeState]):
    """Answers by ridge regression of one-hot classes, solved for the pictures of all tasks.

    The primal form is h W with h = max(0, x P), P uniform in ±1/√D, W = (Σ h hᵀ + λ I)⁻¹ Σ h yᵀ.
    The authors update it recursively: R ← R − R Hᵀ (I + H R Hᵀ)⁻¹ H R, W ← W + R Hᵀ (Y − H W). The
    dual form is k(x, X) (K + λ I)⁻¹ Y with k(x, x') = exp(−γ ‖x − x'‖²), X all pictures, K their
    kernel matrix. `fused` adds zero-shot CLIP.
    """

    def __init__(self, form: Form, n_hidden: int = N_HIDDEN) -> None:
        self._form, self._n_hidden = form, n_hidden

    def start(self) -> RidgeState:
        """Return a state without pictures."""
        return RidgeState({}, {})

    def learn(self, state: RidgeState, support: Support, task: int) -> RidgeState:
        """Add the pictures of a task, and solve for all classes so far."""
        supports = {**state.supports, task: support}
        rows_nD, targets_nC = one_hot_rows(supports)
        if self._form == "dual":
            products_nn, back_xn = _affinity(rows_nD, rows_nD), torch.eye(len(rows_nD)).double()
        else:
            hidden_nM = hidden_rows(rows_nD, self._n_hidden, "uniform")
            products_nn, back_xn = hidden_nM @ hidden_nM.mT, hidden_nM.mT
        heads_xC = back_xn @ ridge_through_products(products_nn, targets_nC, RIDGE[self._form])
        return RidgeState(supports, split_by_task(heads_xC, supports))

    def answer(self, state: RidgeState, questions: Questions) -> Float[Tensor, "Q C"]:
        """Return the scores of the regression, fused with zero-shot CLIP."""
        heads_xL = state.heads_of(questions.tasks)
        if heads_xL is None:
            return questions.zero_shot_QC
        rows_QD = questions.rows_QD
        if self._form == "dual":
            seen_nD, _ = one_hot_rows(state.supports)
            features = _affinity(rows_QD, seen_nD.to(rows_QD))
        else:
            features = hidden_rows(rows_QD, self._n_hidden, "uniform")
        return fused(features @ heads_xL.to(features), state, questions)

    def n_bytes(self, state: RidgeState) -> int:
        """Return the size of R (M × M) and W (M × C), or of n pictures and n × C coefficients."""
        if self._form == "primal":
            return self._n_hidden * (self._n_hidden + state.n_classes) * NUMBER
        n = sum(int(support.present_TNK.sum()) for support in state.supports.values())
        width = next((support.text_TND.shape[-1] for support in state.supports.values()), 0)
        return n * (width + state.n_classes) * NUMBER


def fused(
    scores_QL: Float[Tensor, "Q L"], state: RidgeState, questions: Questions
) -> Float[Tensor, "Q C"]:
    """Return (1 − β) p + β r for a query whose best class by p is in a learned task, else p.

    p are the probabilities of zero-shot CLIP; r is the regression, 0 for classes not learned.
    """
    zero_shot_QC = questions.zero_shot_QC.softmax(-1)
    is_learned_C = questions.is_of(state.supports)
    regression_QC = torch.zeros_like(zero_shot_QC)
    regression_QC[:, is_learned_C] = scores_QL.to(zero_shot_QC)
    is_fused_Q1 = is_learned_C[zero_shot_QC.argmax(-1)][:, None]
    fused_QC = (1 - FUSION) * zero_shot_QC + FUSION * regression_QC
    return torch.where(is_fused_Q1, fused_QC, zero_shot_QC)


def _affinity(one_nD: Float[Tensor, "n D"], other_mD: Float[Tensor, "m D"]) -> Float[Tensor, "n m"]:
    return (-GAMMA * torch.cdist(one_nD, other_mD).square()).exp()
