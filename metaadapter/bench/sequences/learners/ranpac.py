"""RanPAC (McDonnell et al., NeurIPS 2023): ridge regression on random features."""

from __future__ import annotations

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.bench.sequences.learners.learner import NUMBER, Learner, Questions, gated
from metaadapter.bench.sequences.learners.random_ridge import (
    RidgeState,
    hidden_rows,
    one_hot_rows,
    ridge_through_products,
    split_by_task,
)

# The authors' number of hidden features, candidates for λ, and fraction of pictures that tries λ.
N_HIDDEN = 10_000
RIDGES = tuple(10.0**power for power in range(-8, 9))
FITTED_PART = 0.8
SEED = 0


@final
class RanPAC(Learner[RidgeState]):
    """Answers with scores h W, where h = max(0, x P), P ~ N(0, 1) and W = (G + λ I)⁻¹ Q.

    G = Σ h hᵀ and Q = Σ h yᵀ are sums over the pictures of all tasks so far, y one-hot classes. λ,
    unless given, is a power of ten from 10⁻⁸ to 10⁸: of the newest task's pictures, a random four
    fifths predict the others best with it (mean squared error). So W depends a little on the last
    task. The authors also train the encoder on the first task; here features are frozen.
    """

    def __init__(self, n_hidden: int = N_HIDDEN, ridge: float | None = None) -> None:
        self._n_hidden, self._ridge = n_hidden, ridge

    def start(self) -> RidgeState:
        """Return a state without pictures."""
        return RidgeState({}, {})

    def learn(self, state: RidgeState, support: Support, task: int) -> RidgeState:
        """Add the pictures of a task, and solve for all classes so far."""
        supports = {**state.supports, task: support}
        rows_nD, targets_nC = one_hot_rows(supports)
        hidden_nM = hidden_rows(rows_nD, self._n_hidden, "normal")
        products_nn = hidden_nM @ hidden_nM.mT
        ridge = self._ridge
        if ridge is None:
            n = int(support.present_TNK.sum())
            ridge = _best_ridge(products_nn[-n:, -n:], targets_nC[-n:])
        weights_MC = hidden_nM.mT @ ridge_through_products(products_nn, targets_nC, ridge)
        return RidgeState(supports, split_by_task(weights_MC, supports))

    def answer(self, state: RidgeState, questions: Questions) -> Float[Tensor, "Q C"]:
        """Return the scores h W; `gated` adds the classes that are not learned."""
        weights_ML = state.heads_of(questions.tasks)
        if weights_ML is None:
            return questions.zero_shot_QC
        hidden_QM = hidden_rows(questions.rows_QD, self._n_hidden, "normal")
        scores_QL = hidden_QM @ weights_ML.to(hidden_QM)
        return gated(scores_QL, state.supports, questions)

    def n_bytes(self, state: RidgeState) -> int:
        """Return the size of the authors' state, which is G (M × M) and Q (M × C), no pictures."""
        return self._n_hidden * (self._n_hidden + state.n_classes) * NUMBER


def _best_ridge(products_nn: Float[Tensor, "n n"], targets_nC: Float[Tensor, "n C"]) -> float:
    """The authors' rule, on the pictures in random order, because they are sorted by class."""
    n = len(targets_nC)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(SEED))
    fitted, held_out = order[: int(FITTED_PART * n)], order[int(FITTED_PART * n) :]
    among, across = products_nn[fitted][:, fitted], products_nn[held_out][:, fitted]
    errors = [
        (across @ ridge_through_products(among, targets_nC[fitted], ridge) - targets_nC[held_out])
        .square()
        .mean()
        for ridge in RIDGES
    ]
    return RIDGES[int(torch.stack(errors).argmin())]
