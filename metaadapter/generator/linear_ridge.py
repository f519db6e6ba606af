"""Linear ridge regression towards the text, for tasks with too many pictures for a kernel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.generator.regression import Regression
from metaadapter.generator.row_chunks import row_chunks


class LinearRidge(NamedTuple):
    """The ridge of T tasks, with pictures z_m, one-hot labels y_m and noise λ_m."""

    vectors_TND: Float[Tensor, "T N D"]
    """The class vectors W that minimise Σ_m ‖W z_m − y_m‖² / λ_m + ‖W − prior‖²."""
    factor_TDD: Float[Tensor, "T D D"]
    """The Cholesky factor of Σ_m z_m z_mᵀ / λ_m + I."""


class ScoredRows(NamedTuple):
    """Left-out scores of R places for pictures, a part of the X places of T tasks."""

    rows: slice
    """The places among the X of a task."""
    scores_TRN: Float[Tensor, "T R N"]
    is_own_TRN: Bool[Tensor, "T R N"]
    """True at the class of the picture."""


def linear_ridge(
    shots_TNKD: Float[Tensor, "T N K D"],
    noise_TX: Float[Tensor, "T X"],
    prior_TND: Float[Tensor, "T N D"],
) -> LinearRidge:
    """Solve the ridge in the feature space; memory is linear in pictures and in classes.

    A picture of zeros changes nothing.
    """
    shots_TNKD = shots_TNKD.to(prior_TND)
    weighted_TNKD = shots_TNKD / noise_TX.reshape(shots_TNKD.shape[:3])[..., None]
    gram_TDD = weighted_TNKD.flatten(1, 2).mT @ shots_TNKD.flatten(1, 2)
    identity = torch.eye(gram_TDD.shape[1], dtype=gram_TDD.dtype, device=gram_TDD.device)
    factor_TDD = torch.linalg.cholesky(gram_TDD + identity)
    # Only the own class of a picture has the target 1, so Σ_m y_m z_mᵀ / λ_m is a sum by class.
    pull_TND = weighted_TNKD.sum(2) - prior_TND @ gram_TDD
    moved_TDN = torch.cholesky_solve(pull_TND.mT.contiguous(), factor_TDD)
    return LinearRidge(prior_TND + moved_TDN.mT, factor_TDD)


def ridge_of(
    problem: Regression, noise_TX: Float[Tensor, "T X"], prior_TND: Float[Tensor, "T N D"]
) -> LinearRidge:
    """Return the ridge of all tasks of a regression, small ones included.

    `noise_TX` is the noise of the kernel ridge, which is scaled to that of a linear ridge.
    """
    return linear_ridge(problem.support.shots_TNKD, _linear_noise(problem, noise_TX), prior_TND)


def _linear_noise(problem: Regression, noise_TX: Tensor) -> Float[Tensor, "T X"]:
    return problem.constants.linear_ridge / problem.constants.ridge * noise_TX


def left_out_scores(problem: Regression) -> Iterator[ScoredRows]:
    """Predict each picture by the untrained ridge of the others, in chunks of rows.

    Leaving out picture m divides its residual by 1 − h_m, where h_m = z_mᵀ (Σ_l z_l z_lᵀ / λ_l +
    I)⁻¹ z_m / λ_m is its leverage (the diagonal of the hat matrix; Cook and Weisberg 1982).
    """
    support = problem.support
    prior_TND, noise_TX = problem.prior_TND(), problem.noise_TX()
    ridge = ridge_of(problem, noise_TX, prior_TND)
    noise_TX = _linear_noise(problem, noise_TX)
    vectors_TND = ridge.vectors_TND.to(support.shots_TNKD)
    prior_TND = prior_TND.to(vectors_TND)
    rows_TXD, n_way = support.shots_TNKD.flatten(1, 2), support.text_TND.shape[1]
    for rows in row_chunks(rows_TXD.shape[1], len(rows_TXD) * n_way):
        rows_TRD = rows_TXD[:, rows]
        whitened_TDR = torch.linalg.solve_triangular(
            ridge.factor_TDD, rows_TRD.mT.to(ridge.factor_TDD), upper=False
        )
        leverage_TR = whitened_TDR.square().sum(1) / noise_TX[:, rows]
        is_own_TRN = support.raw.is_own(rows)
        targets_TRN = is_own_TRN.to(rows_TRD)
        residual_TRN = targets_TRN - rows_TRD @ vectors_TND.mT
        left_out_TRN = targets_TRN - residual_TRN / (1 - leverage_TR).to(rows_TRD)[..., None]
        # As in the kernel ridge, all classes that have only a name change by the same number.
        changed_TRN = left_out_TRN - rows_TRD @ prior_TND.mT
        left_out_TRN = left_out_TRN - problem.above_other_names(changed_TRN)
        yield ScoredRows(rows, left_out_TRN, is_own_TRN)
