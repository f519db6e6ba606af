"""The ridge in the feature space, for tasks with too many pictures for their inner products."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from metaadapter.generator.chunks import row_chunks
from metaadapter.generator.ridge.regression import Regression


class NormalEquations(NamedTuple):
    """The ridge of T tasks, with pictures z_m, one-hot labels y_m and noise λ_m."""

    gram_TDD: Float[Tensor, "T D D"]
    """Σ_m z_m z_mᵀ / λ_m."""
    factor_TDD: Float[Tensor, "T D D"]
    """The Cholesky factor of this + I."""
    pull_TND: Float[Tensor, "T N D"]
    """Σ_m y_m z_mᵀ / λ_m."""

    def vectors_TND(self, prior_TND: Float[Tensor, "T N D"] | None) -> Float[Tensor, "T N D"]:
        """Return the class vectors W that minimise Σ_m ‖W z_m − y_m‖² / λ_m + ‖W − prior‖².

        Without a prior, it is 0.
        """
        if prior_TND is None:
            return self._solved(self.pull_TND)
        return prior_TND + self._solved(self.pull_TND - prior_TND @ self.gram_TDD)

    def _solved(self, pull_TND: Tensor) -> Tensor:
        return torch.cholesky_solve(pull_TND.mT.contiguous(), self.factor_TDD).mT


class LeftOutScores(NamedTuple):
    """The scores of R places for pictures of T tasks, each by a fit to the other pictures."""

    rows_TRD: Float[Tensor, "T R D"]
    """The pictures in the encoder's own coordinates."""
    own_TR: Int[Tensor, "T R"]
    """The class of a place."""
    present_TR: Bool[Tensor, "T R"]
    """True where there is a picture."""
    scores_TRN: Float[Tensor, "T R N"]


def normal_equations(
    shots_TNKD: Float[Tensor, "T N K D"], noise_TX: Float[Tensor, "T X"]
) -> NormalEquations:
    """Return the ridge in the feature space; memory is linear in pictures and in classes.

    A picture of zeros changes nothing.
    """
    n_tasks, n_way, n_shot, width = shots_TNKD.shape
    noise_TNK1 = noise_TX.reshape(n_tasks, n_way, n_shot, 1)
    gram_TDD, pulls = noise_TX.new_zeros(n_tasks, width, width), []
    # In chunks, because a copy of all pictures in double precision takes long.
    for classes in row_chunks(n_way, n_tasks * n_shot * width):
        rows_TCKD = shots_TNKD[:, classes].to(noise_TX)
        weighted_TCKD = rows_TCKD / noise_TNK1[:, classes]
        gram_TDD = gram_TDD.baddbmm(weighted_TCKD.flatten(1, 2).mT, rows_TCKD.flatten(1, 2))
        # Only the own class of a picture has the target 1, so Σ_m y_m z_mᵀ / λ_m is a sum by class.
        pulls.append(weighted_TCKD.sum(2))
    identity = torch.eye(width, dtype=gram_TDD.dtype, device=gram_TDD.device)
    factor_TDD = torch.linalg.cholesky(gram_TDD + identity)
    return NormalEquations(gram_TDD, factor_TDD, torch.cat(pulls, 1))


def left_out_scores(problem: Regression, ridge: NormalEquations) -> Iterator[LeftOutScores]:
    """Predict each picture by the untrained ridge of the others, in chunks of rows.

    Leaving out picture m divides its residual by 1 − h_m, where h_m = z_mᵀ (Σ_l z_l z_lᵀ / λ_l +
    I)⁻¹ z_m / λ_m is its leverage (the diagonal of the hat matrix; Cook and Weisberg 1982). So the
    scores W z_m are divided by 1 − h_m, and that of its own class loses h_m / (1 − h_m).
    """
    support, prior_TND = problem.support, problem.prior_TND()
    noise_TX = problem.noise_TX()
    vectors_TND = ridge.vectors_TND(prior_TND).to(support.shots_TNKD)
    prior_TND, factor_TDD = prior_TND.to(vectors_TND), ridge.factor_TDD.to(vectors_TND)
    rows_TXD, n_way = support.shots_TNKD.flatten(1, 2), support.text_TND.shape[1]
    some_alone = (support.raw.class_mask_TN & ~support.image_mask_TN).any()
    for rows in row_chunks(rows_TXD.shape[1], len(rows_TXD) * n_way):
        rows_TRD = rows_TXD[:, rows]
        whitened_TDR = torch.linalg.solve_triangular(factor_TDD, rows_TRD.mT, upper=False)
        leverage_TR = whitened_TDR.square().sum(1) / noise_TX[:, rows]
        remaining_TR1 = (1 - leverage_TR).to(rows_TRD)[..., None]
        scores_TRN = (rows_TRD / remaining_TR1) @ vectors_TND.mT
        own_TR, present_TR = support.raw.own_and_present(rows)
        lost_TR1 = (1 - 1 / remaining_TR1) * present_TR[..., None]
        scores_TRN = scores_TRN.scatter_add(-1, own_TR[..., None], lost_TR1)
        if some_alone:
            # As in small tasks, all classes that have only a name change by the same number.
            changed_TRN = scores_TRN - rows_TRD @ prior_TND.mT
            scores_TRN = scores_TRN - problem.above_other_names(changed_TRN)
        yield LeftOutScores(support.raw.rows_TMD[:, rows], own_TR, present_TR, scores_TRN)
