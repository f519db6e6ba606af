"""RanPAC and RAIL: ridge regression of one-hot classes for the pictures of all tasks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, final

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.bench.sequences.learners.learner import NUMBER, Learner, Questions, gated

Start = Literal["normal", "uniform"]
"""The distribution of the layer's weights: N(0, 1), or uniform in ±1/√D as in `torch.nn.Linear`."""
Form = Literal["primal", "dual"]
SEED = 0
# RanPAC: the authors' number of hidden numbers, candidates for λ, and the fraction that tries λ.
N_HIDDEN = 10_000
RIDGES = tuple(10.0**power for power in range(-8, 9))
FITTED_PART = 0.8
# RAIL: the authors' number of hidden numbers of the primal form, λ of both forms, γ of the dual
# form, and the weight β of the regression in the answer.
N_HIDDEN_PRIMAL = 15_000
RIDGE: dict[Form, float] = {"primal": 0.1, "dual": 1e-3}
GAMMA = 0.1
FUSION = 0.9


def hidden_rows(rows_nD: Float[Tensor, "n D"], n_hidden: int, start: Start) -> Float[Tensor, "n M"]:
    """Return max(0, x W) for the rows x; the random W depends only on D, M and `start`."""
    layer_DM = _random_layer(rows_nD.shape[-1], n_hidden, start).to(rows_nD)
    return (rows_nD @ layer_DM).relu()


# Two entries, for two learners in an evaluation; a layer of 3008 × 15,000 numbers takes 180 MB.
@lru_cache(maxsize=2)
def _random_layer(width: int, n_hidden: int, start: Start) -> Float[Tensor, "D M"]:
    draw = torch.Generator().manual_seed(SEED)
    if start == "normal":
        return torch.randn(width, n_hidden, generator=draw)
    uniform_DM: Tensor = (2 * torch.rand(width, n_hidden, generator=draw) - 1) / width**0.5
    return uniform_DM


def one_hot_rows(
    supports: Mapping[int, Support],
) -> tuple[Float[Tensor, "n D"], Float[Tensor, "n C"]]:
    """Return the pictures of the tasks in float64, and their one-hot classes, task by task."""
    parts = [support.labelled_rows() for support in supports.values()]
    blocks = [
        torch.nn.functional.one_hot(labels, support.n_way).double()
        for (_, labels), support in zip(parts, supports.values(), strict=True)
    ]
    return torch.cat([rows for rows, _ in parts]).double(), torch.block_diag(*blocks)  # type: ignore[no-untyped-call]


def ridge_through_products(
    products_nn: Float[Tensor, "n n"], targets_nC: Float[Tensor, "n C"], ridge: float
) -> Float[Tensor, "n C"]:
    """Return (K + λ I)⁻¹ Y, the coefficients of the pictures; K = H Hᵀ is `products_nn`.

    The ridge solution is Hᵀ (H Hᵀ + λ I)⁻¹ Y = (Hᵀ H + λ I)⁻¹ Hᵀ Y. The left side is cheap, because
    there are far fewer pictures than hidden numbers M; for the right side the papers accumulate M²
    numbers. Eigenvalues are used so that rounding does no harm with a tiny λ.
    """
    values_n, vectors_nn = torch.linalg.eigh(products_nn)
    along_nC = (vectors_nn.mT @ targets_nC) / (values_n.clamp(min=0) + ridge)[:, None]
    return torch.matmul(vectors_nn, along_nC)


@dataclass(frozen=True, slots=True)
class RidgeState:
    """The pictures so far, and the head of each task."""

    supports: dict[int, Support]
    heads: dict[int, Float[Tensor, "x _"]]
    """Task → coefficients of its classes, for hidden numbers or for kernels with the pictures."""

    @property
    def n_classes(self) -> int:
        """The number of classes learned so far."""
        return sum(head.shape[-1] for head in self.heads.values())

    def heads_of(self, tasks: Iterable[int]) -> Float[Tensor, "x L"] | None:
        """Return the heads of the learned ones of these tasks, side by side; None if none is."""
        heads = [self.heads[task] for task in tasks if task in self.heads]
        return torch.cat(heads, dim=-1) if heads else None


class RidgeLearner(Learner[RidgeState]):
    """Keeps all pictures, and solves for the heads of all classes after each task."""

    def start(self) -> RidgeState:
        """Return a state without pictures."""
        return RidgeState({}, {})

    def learn(self, state: RidgeState, support: Support, task: int) -> RidgeState:
        """Add the pictures of a task, and solve for all classes so far."""
        supports = {**state.supports, task: support}
        heads_xC = self._solved(*one_hot_rows(supports), int(support.present_TNK.sum()))
        ways = [one.n_way for one in supports.values()]
        heads = torch.split(heads_xC, ways, dim=-1)
        return RidgeState(supports, dict(zip(supports, heads, strict=True)))

    def answer(self, state: RidgeState, questions: Questions) -> Float[Tensor, "Q C"]:
        """Return the scores of the regression, with zero-shot CLIP for classes not learned."""
        heads_xL = state.heads_of(questions.tasks)
        if heads_xL is None:
            return questions.zero_shot_QC
        rows_Qx = self._features(questions.rows_QD, state)
        return self._combined(rows_Qx @ heads_xL.to(rows_Qx), state, questions)

    @abstractmethod
    def _solved(
        self, rows_nD: Float[Tensor, "n D"], targets_nC: Float[Tensor, "n C"], n_newest: int
    ) -> Float[Tensor, "x C"]:
        """Return the coefficients; the last `n_newest` pictures are of the newest task."""

    @abstractmethod
    def _features(self, rows_QD: Float[Tensor, "Q D"], state: RidgeState) -> Float[Tensor, "Q x"]:
        """Return what the coefficients multiply."""

    @abstractmethod
    def _combined(
        self, scores_QL: Float[Tensor, "Q L"], state: RidgeState, questions: Questions
    ) -> Float[Tensor, "Q C"]:
        """Return scores of all possible classes from those of the learned ones."""


@final
class RanPAC(RidgeLearner):
    """RanPAC (McDonnell et al., NeurIPS 2023): scores h W with h = max(0, x P), P ~ N(0, 1).

    W = (G + λ I)⁻¹ Q; G = Σ h hᵀ and Q = Σ h yᵀ are sums over the pictures of all tasks so far, y
    one-hot classes. λ, unless given, is a power of ten from 10⁻⁸ to 10⁸: of the newest task's
    pictures, a random four fifths predict the others best with it (mean squared error). So W
    depends a little on the last task. The authors also train the encoder on the first task; here
    features are frozen.
    """

    def __init__(self, n_hidden: int = N_HIDDEN, ridge: float | None = None) -> None:
        self._n_hidden, self._ridge = n_hidden, ridge

    def n_bytes(self, state: RidgeState) -> int:
        """Return the size of the authors' state, which is G (M × M) and Q (M × C), no pictures."""
        return self._n_hidden * (self._n_hidden + state.n_classes) * NUMBER

    def _solved(self, rows_nD: Tensor, targets_nC: Tensor, n_newest: int) -> Tensor:
        hidden_nM = hidden_rows(rows_nD, self._n_hidden, "normal")
        products_nn, n = hidden_nM @ hidden_nM.mT, n_newest
        ridge = self._ridge
        if ridge is None:
            ridge = _best_ridge(products_nn[-n:, -n:], targets_nC[-n:])
        return hidden_nM.mT @ ridge_through_products(products_nn, targets_nC, ridge)

    def _features(self, rows_QD: Tensor, state: RidgeState) -> Tensor:
        return hidden_rows(rows_QD, self._n_hidden, "normal")

    def _combined(self, scores_QL: Tensor, state: RidgeState, questions: Questions) -> Tensor:
        return gated(scores_QL, state.supports, questions)


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


@final
class RAIL(RidgeLearner):
    """RAIL (Xu et al., NeurIPS 2024): ridge regression fused with zero-shot CLIP.

    The primal form is h W with h = max(0, x P), P uniform in ±1/√D, W = (Σ h hᵀ + λ I)⁻¹ Σ h yᵀ.
    The authors update it recursively: R ← R − R Hᵀ (I + H R Hᵀ)⁻¹ H R, W ← W + R Hᵀ (Y − H W). The
    dual form is k(x, X) (K + λ I)⁻¹ Y with k(x, x') = exp(−γ ‖x − x'‖²), X all pictures, K their
    kernel matrix. The answer is (1 − β) p + β r for a query whose best class by p is in a learned
    task, else p: p are the probabilities of zero-shot CLIP, r is the regression, 0 for classes not
    learned.
    """

    def __init__(self, form: Form, n_hidden: int = N_HIDDEN_PRIMAL) -> None:
        self._form, self._n_hidden = form, n_hidden

    def n_bytes(self, state: RidgeState) -> int:
        """Return the size of R (M × M) and W (M × C), or of n pictures and n × C coefficients."""
        if self._form == "primal":
            return self._n_hidden * (self._n_hidden + state.n_classes) * NUMBER
        n = sum(int(support.present_TNK.sum()) for support in state.supports.values())
        width = next((support.text_TND.shape[-1] for support in state.supports.values()), 0)
        return n * (width + state.n_classes) * NUMBER

    def _solved(self, rows_nD: Tensor, targets_nC: Tensor, n_newest: int) -> Tensor:
        ridge = RIDGE[self._form]
        if self._form == "dual":
            return ridge_through_products(_affinity(rows_nD, rows_nD), targets_nC, ridge)
        hidden_nM = hidden_rows(rows_nD, self._n_hidden, "uniform")
        return hidden_nM.mT @ ridge_through_products(hidden_nM @ hidden_nM.mT, targets_nC, ridge)

    def _features(self, rows_QD: Tensor, state: RidgeState) -> Tensor:
        if self._form == "primal":
            return hidden_rows(rows_QD, self._n_hidden, "uniform")
        return _affinity(rows_QD, one_hot_rows(state.supports)[0].to(rows_QD))

    def _combined(self, scores_QL: Tensor, state: RidgeState, questions: Questions) -> Tensor:
        zero_shot_QC = questions.zero_shot_QC.softmax(-1)
        is_learned_C = questions.is_of(state.supports)
        regression_QC = torch.zeros_like(zero_shot_QC)
        regression_QC[:, is_learned_C] = scores_QL.to(zero_shot_QC)
        is_fused_Q1 = is_learned_C[zero_shot_QC.argmax(-1)][:, None]
        fused_QC = (1 - FUSION) * zero_shot_QC + FUSION * regression_QC
        return torch.where(is_fused_Q1, fused_QC, zero_shot_QC)


def _affinity(one_nD: Float[Tensor, "n D"], other_mD: Float[Tensor, "m D"]) -> Float[Tensor, "n m"]:
    return (-GAMMA * torch.cdist(one_nD, other_mD).square()).exp()
