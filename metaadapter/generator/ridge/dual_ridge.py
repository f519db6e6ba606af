"""Ridge regression from the inner products of pictures, and its predictions of left-out ones."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def dual_ridge(
    gram_TMM: Float[Tensor, "T M M"],
    present_TM: Bool[Tensor, "T M"],
    residual_TMN: Float[Tensor, "T M N"],
    noise_TM: Float[Tensor, "T M"],
) -> tuple[Float[Tensor, "T M N"], Float[Tensor, "T M M"]]:
    """Return the A for which W = Σ_m A_m z_mᵀ minimises Σ_m ‖W z_m − y_m‖² / noise_m + ‖W‖².

    y is the residual, and `gram_TMM` has the inner products of the pictures z. Also return the
    Cholesky factor of gram + noise, without gradients.
    """
    if not present_TM.all():
        gram_TMM = gram_TMM * (present_TM[:, :, None] & present_TM[:, None])
    learns = torch.is_grad_enabled() and any(
        part.requires_grad for part in (gram_TMM, residual_TMN, noise_TM)
    )
    matrix_TMM = gram_TMM.detach().clone()
    matrix_TMM.diagonal(dim1=1, dim2=2).add_(noise_TM.detach())
    factor_TMM: Tensor = torch.linalg.cholesky(matrix_TMM)
    # Contiguous: some CPU builds of torch fail on an expanded right-hand side.
    wanted_TMN = (residual_TMN * present_TM[..., None]).contiguous()
    values_TMN = torch.cholesky_solve(wanted_TMN.detach(), factor_TMM)
    if learns:
        # The gradient is that of a step of refinement, A + (G + noise)⁻¹ (y − (G + noise) A), with
        # both A and the inverse constant. That of the factorisation takes much longer.
        left_TMN = wanted_TMN - gram_TMM @ values_TMN - noise_TM[..., None] * values_TMN
        values_TMN = values_TMN + torch.cholesky_solve(left_TMN, factor_TMM)
    return values_TMN, factor_TMM


def left_out_residuals(
    values_TMN: Float[Tensor, "T M N"], factor_TMM: Float[Tensor, "T M M"]
) -> Float[Tensor, "T M N"]:
    """Return each row's residual by `dual_ridge` on the other rows: A_m / [(G + noise)⁻¹]_mm.

    Rasmussen and Williams 2006, equation 5.12.
    """
    return values_TMN / torch.cholesky_inverse(factor_TMM).diagonal(dim1=1, dim2=2)[..., None]
