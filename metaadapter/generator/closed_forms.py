"""Classifiers with a formula: what a generator starts from and corrects."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["gaussian_discriminant", "ridge_towards_prior"]


def ridge_towards_prior(
    shots_TMD: Float[Tensor, "T M D"],
    targets_TMN: Float[Tensor, "T M N"],
    noise_TM: Float[Tensor, "T M"],
    prior_TND: Float[Tensor, "T N D"],
) -> Float[Tensor, "T N D"]:
    """Class vectors W that minimise Σ_m ‖W z_m − y_m‖² / noise_m + ‖W − prior‖².

    Bayesian linear regression on one-hot targets with the text as prior mean. Solved in whichever
    of D and M is smaller (the two agree by Woodbury's identity), with Cholesky factors. A padded
    shot is a row of zeros with a target of zeros and does not matter.

    Args:
        shots_TMD: M canonical pictures of all classes.
        targets_TMN: their one-hot labels.
        noise_TM: positive; how far each target may be missed.
        prior_TND: where the vectors stay when no picture pulls them.
    """
    residual_TMN = targets_TMN - shots_TMD @ prior_TND.mT
    if shots_TMD.shape[1] <= shots_TMD.shape[2]:
        gram_TMM = shots_TMD @ shots_TMD.mT + torch.diag_embed(noise_TM)
        factor = torch.linalg.cholesky(gram_TMM)
        return prior_TND + torch.cholesky_solve(residual_TMN, factor).mT @ shots_TMD
    weighted_TMD = shots_TMD / noise_TM[..., None]
    identity = torch.eye(shots_TMD.shape[2], dtype=shots_TMD.dtype, device=shots_TMD.device)
    factor = torch.linalg.cholesky(weighted_TMD.mT @ shots_TMD + identity)
    return prior_TND + torch.cholesky_solve(weighted_TMD.mT @ residual_TMN, factor).mT


def gaussian_discriminant(
    shots_TNKD: Float[Tensor, "T N K D"],
    shot_mask_TNK: Bool[Tensor, "T N K"],
    means_TND: Float[Tensor, "T N D"],
) -> tuple[Float[Tensor, "T N D"], Float[Tensor, "T N"]]:
    """Class vectors and biases of linear discriminant analysis with a shrunk shared covariance.

    GDA (Wang et al., ICLR 2024) shrinks to P = D · [Σ r rᵀ + tr(S) · I]⁻¹, with r the pictures
    about their class means and S their covariance. Here the factor is tr(S) in place of D, so that
    P is the identity where no class has two pictures; W = P μ and b = −½ μᵀ P μ.

    Args:
        shots_TNKD: pictures; zeros where there is none.
        shot_mask_TNK: which are there.
        means_TND: their class means; zeros where a class has none.
    """
    present_TNK1 = shot_mask_TNK[..., None].to(shots_TNKD.dtype)
    residuals_TMD = ((shots_TNKD - means_TND[:, :, None]) * present_TNK1).flatten(1, 2)
    n_T = shot_mask_TNK.sum((1, 2)).clamp(min=2).to(shots_TNKD.dtype)
    trace_T = residuals_TMD.square().sum((1, 2)) / (n_T - 1)
    trace_T = torch.where(trace_T <= torch.finfo(trace_T.dtype).eps, 1.0, trace_T)
    classes_TND = _shrink_along_scatter(residuals_TMD, trace_T, means_TND)
    return classes_TND, -0.5 * (classes_TND * means_TND).sum(-1)


def _shrink_along_scatter(rows_TMD: Tensor, strength_T: Tensor, vectors_TND: Tensor) -> Tensor:
    """Apply strength · [rowsᵀ rows + strength · I]⁻¹ to vectors, in the smaller of M and D."""
    n_rows, width = rows_TMD.shape[1:]
    strength_T11 = strength_T[:, None, None]
    identity = torch.eye(min(n_rows, width), dtype=rows_TMD.dtype, device=rows_TMD.device)
    if n_rows >= width:
        factor = torch.linalg.cholesky(rows_TMD.mT @ rows_TMD + strength_T11 * identity)
        return torch.cholesky_solve((strength_T11 * vectors_TND).mT.contiguous(), factor).mT
    factor = torch.linalg.cholesky(rows_TMD @ rows_TMD.mT + strength_T11 * identity)
    along_TMN = torch.cholesky_solve((rows_TMD @ vectors_TND.mT).contiguous(), factor)
    return vectors_TND - along_TMN.mT @ rows_TMD
