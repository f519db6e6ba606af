"""Ridge regression of T tasks at once, in closed form: M pictures, N classes, feature width D."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def squared_distances(rows_TMD: Float[Tensor, "T M D"]) -> Float[Tensor, "T M M"]:
    """Return ‖z_l − z_m‖² for each pair of rows."""
    gram_TMM = rows_TMD @ rows_TMD.mT
    square_TM = gram_TMM.diagonal(dim1=1, dim2=2)
    return (square_TM[:, :, None] + square_TM[:, None] - 2 * gram_TMM).clamp(min=0)


def kernel_ridge(
    distance_TMM: Float[Tensor, "T M M"],
    present_TM: Bool[Tensor, "T M"],
    residual_TMN: Float[Tensor, "T M N"],
    noise_TM: Float[Tensor, "T M"],
    sharpness_T: Float[Tensor, " T"],
) -> tuple[Float[Tensor, "T M N"], Float[Tensor, "T M M"]]:
    """Return the values A that minimise Σ_m ‖Σ_l A_l k(z_l, z_m) − y_m‖² / noise_m + tr(Aᵀ K A).

    The posterior mean of a Gaussian process with the kernel k(z, z') = exp(−β ‖z − z'‖² / 2) / β,
    linear as β → 0; y is the residual of the prior. Also returns the Cholesky factor of K + noise.
    """
    beta_T11 = sharpness_T[:, None, None]
    kernel_TMM = (-0.5 * beta_T11 * distance_TMM).exp() / beta_T11
    both_TMM = present_TM[:, :, None] & present_TM[:, None]
    factor_TMM = torch.linalg.cholesky(kernel_TMM * both_TMM + torch.diag_embed(noise_TM))
    # Contiguous: some CPU builds of torch fail on an expanded right-hand side.
    wanted_TMN = (residual_TMN * present_TM[..., None]).contiguous()
    return torch.cholesky_solve(wanted_TMN, factor_TMM), factor_TMM


def left_out_residuals(
    values_TMN: Float[Tensor, "T M N"], factor_TMM: Float[Tensor, "T M M"]
) -> Float[Tensor, "T M N"]:
    """Return each row's residual after a `kernel_ridge` on all others: A_m / [(K + noise)⁻¹]_mm.

    Rasmussen and Williams 2006, equation 5.12.
    """
    return values_TMN / torch.cholesky_inverse(factor_TMM).diagonal(dim1=1, dim2=2)[..., None]


def ridge_towards_prior(
    shots_TMD: Float[Tensor, "T M D"],
    targets_TMN: Float[Tensor, "T M N"],
    noise_TM: Float[Tensor, "T M"],
    prior_TND: Float[Tensor, "T N D"],
) -> Float[Tensor, "T N D"]:
    """Return the class vectors W that minimise Σ_m ‖W z_m − y_m‖² / noise_m + ‖W − prior‖².

    Solved in the smaller of D and M (equal by Woodbury's identity). A row of zeros with a target of
    zeros changes nothing.
    """
    residual_TMN = targets_TMN - shots_TMD @ prior_TND.mT
    if shots_TMD.shape[1] <= shots_TMD.shape[2]:
        factor = torch.linalg.cholesky(shots_TMD @ shots_TMD.mT + torch.diag_embed(noise_TM))
        return prior_TND + torch.cholesky_solve(residual_TMN, factor).mT @ shots_TMD
    weighted_TMD = shots_TMD / noise_TM[..., None]
    identity = torch.eye(shots_TMD.shape[2], dtype=shots_TMD.dtype, device=shots_TMD.device)
    factor = torch.linalg.cholesky(weighted_TMD.mT @ shots_TMD + identity)
    return prior_TND + torch.cholesky_solve(weighted_TMD.mT @ residual_TMN, factor).mT
