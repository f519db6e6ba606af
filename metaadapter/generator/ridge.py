"""Ridge regression in closed form: with a kernel, linear, and with each row left out in turn."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

__all__ = ["kernel_ridge", "left_out_residuals", "ridge_towards_prior", "squared_distances"]


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
        shots_TMD: The M canonical pictures of all classes.
        targets_TMN: Their one-hot labels.
        noise_TM: How far each target may be missed; positive.
        prior_TND: The class vectors where no picture pulls them.
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


def kernel_ridge(
    distance_TMM: Float[Tensor, "T M M"],
    present_TM: Bool[Tensor, "T M"],
    residual_TMN: Float[Tensor, "T M N"],
    noise_TM: Float[Tensor, "T M"],
    sharpness_T: Float[Tensor, " T"],
) -> Float[Tensor, "T M N"]:
    """Values A that minimise Σ_m ‖Σ_l A_l k(z_l, z_m) − y_m‖² / noise_m + tr(Aᵀ K A).

    The posterior mean of a Gaussian process with the kernel k(z, z') = exp(−β ‖z − z'‖² / 2) / β.
    The blunter (β → 0), the closer to a linear kernel. Rows that are not there get zeros.

    Args:
        distance_TMM: Squared distances among the M canonical pictures of all classes.
        present_TM: Which pictures are there.
        residual_TMN: Their one-hot labels less what the prior says of them.
        noise_TM: How far each residual may be missed; positive.
        sharpness_T: The sharpness β of the kernel.
    """
    factor = _kernel_factor(distance_TMM, present_TM, noise_TM, sharpness_T)
    return torch.cholesky_solve((residual_TMN * present_TM[..., None]).contiguous(), factor)


def left_out_residuals(
    distance_TMM: Float[Tensor, "T M M"],
    present_TM: Bool[Tensor, "T M"],
    residual_TMN: Float[Tensor, "T M N"],
    noise_TM: Float[Tensor, "T M"],
    sharpness_T: Float[Tensor, " T"],
) -> Float[Tensor, "T M N"]:
    """What `kernel_ridge` fitted to all other rows leaves of each row's residual.

    In closed form (Rasmussen and Williams 2006, equation 5.12): A_m / [(K + noise)⁻¹]_mm.
    """
    factor = _kernel_factor(distance_TMM, present_TM, noise_TM, sharpness_T)
    values = torch.cholesky_solve((residual_TMN * present_TM[..., None]).contiguous(), factor)
    return values / torch.cholesky_inverse(factor).diagonal(dim1=1, dim2=2)[..., None]


def squared_distances(rows_TMD: Float[Tensor, "T M D"]) -> Float[Tensor, "T M M"]:
    """‖z_l − z_m‖² for each pair of rows."""
    square_TM = rows_TMD.square().sum(-1)
    distance_TMM = square_TM[:, :, None] + square_TM[:, None] - 2 * rows_TMD @ rows_TMD.mT
    return distance_TMM.clamp(min=0)


def _kernel_factor(
    distance_TMM: Tensor, present_TM: Tensor, noise_TM: Tensor, sharpness_T: Tensor
) -> Tensor:
    """Cholesky factor of kernel + noise; a row that is not there has its noise alone."""
    beta_T11 = sharpness_T[:, None, None]
    kernel_TMM = (-0.5 * beta_T11 * distance_TMM).exp() / beta_T11
    both_TMM = present_TM[:, :, None] & present_TM[:, None]
    factor: Tensor = torch.linalg.cholesky(kernel_TMM * both_TMM + torch.diag_embed(noise_TM))
    return factor
