"""GDA (Wang et al., ICLR 2024): Gaussian discriminant analysis beside the texts."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter import AdapterWeights, Support

__all__ = ["gda"]

# By shots: the medians of the weights that the authors' validation chose. Their 1e-3 at one shot
# goes with a covariance of augmented views, which is not computed here; 0.03 is best on training
# stores.
ALPHA = {1: 3e-2, 2: 1e-1, 4: 1e-1, 8: 1.0, 16: 10.0}


def gda(support: Support) -> AdapterWeights:
    """Logits s · x · t_c + α (x · P μ_c − ½ μ_c · P μ_c), P = D · [Σ r rᵀ + tr(S) I]⁻¹.

    r are the pictures about their class means μ_c and S is their covariance. Where no class has
    two pictures, P = D / tr · I with the trace of the pictures' covariance about their grand mean.
    α grows with the mean number of shots.
    """
    exact = support.exact
    # The discriminant scales its precision by tr(S) where the authors have D.
    classes_TND, bias_TN = _gaussian_discriminant(
        exact.shots_TNKD, exact.present_TNK, exact.means_TND
    )
    scale_T1 = (_alpha(exact) * exact.text_TND.shape[-1] / _trace(exact))[:, None]
    return support.head(
        support.text_TND
        + (scale_T1[..., None] * classes_TND / exact.scale_T11).to(support.text_TND),
        (scale_T1 * bias_TN).to(support.text_TND),
    )


def _alpha(support: Support) -> Tensor:
    """(T,) α, interpolated by shots on logarithmic axes and constant beyond the table."""
    n_shot = np.log(support.n_shot_T.detach().cpu().numpy())
    alpha = np.exp(np.interp(n_shot, np.log(list(ALPHA)), np.log(list(ALPHA.values()))))
    return torch.as_tensor(alpha, dtype=support.text_TND.dtype).to(support.text_TND.device)


def _trace(support: Support) -> Tensor:
    """(T,) the trace of the covariance within classes or, if that vanishes, of all pictures."""
    present_TNK1 = support.present_TNK[..., None]
    shots_TNKD, degrees_T = support.shots_TNKD, (support.n_pictures_T - 1).clamp(min=1)
    within = (shots_TNKD - support.means_TND[:, :, None]) * present_TNK1
    trace_T = within.square().sum((1, 2, 3)) / degrees_T
    grand_TD = shots_TNKD.sum((1, 2)) / support.n_pictures_T[:, None]
    total = (shots_TNKD - grand_TD[:, None, None]) * present_TNK1
    total_T = total.square().sum((1, 2, 3)) / degrees_T
    tiny = torch.finfo(trace_T.dtype).eps
    return torch.where(trace_T > tiny, trace_T, torch.where(total_T > tiny, total_T, 1.0))


def _gaussian_discriminant(
    shots_TNKD: Float[Tensor, "T N K D"],
    shot_mask_TNK: Bool[Tensor, "T N K"],
    means_TND: Float[Tensor, "T N D"],
) -> tuple[Float[Tensor, "T N D"], Float[Tensor, "T N"]]:
    """Class vectors and biases of linear discriminant analysis with a shrunk shared covariance.

    They are W = P μ and b = −½ μᵀ P μ, with P as in `gda` but for the factor tr(S) in place of D,
    so that P is the identity where no class has two pictures.

    Args:
        shots_TNKD: The pictures; zeros where there is none.
        shot_mask_TNK: Which pictures are there.
        means_TND: The class means; zeros where a class has no picture.
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
