"""GDA (Wang et al., ICLR 2024): Gaussian discriminant analysis added to the texts."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights

# Number of shots → median of the weights that the authors chose by validation. Their 1e-3 for one
# shot fits a covariance of augmented views, not used here; 0.03 is best on training stores.
ALPHA = {1: 3e-2, 2: 1e-1, 4: 1e-1, 8: 1.0, 16: 10.0}


def gda(support: Support) -> AdapterWeights:
    """Return adapters: logits s · x · t_c + α (x · P μ_c − ½ μ_c · P μ_c).

    P = D · [Σ r rᵀ + tr(S) I]⁻¹, D the width, r each picture minus its class mean μ_c, and S the
    covariance of r. If no class has two pictures, P = D / v · I with v the trace of the covariance
    of all pictures. α grows with the mean number of shots.

    Settings: α by shots, the medians of their choices; 0.03 at one shot. Departures: the authors
    choose α on validation pictures.
    """
    exact = support.exact
    shots_TNKD, means_TND = exact.shots_TNKD, exact.means_TND
    grand_T1D = (shots_TNKD.sum((1, 2)) / exact.n_pictures_T[:, None])[:, None]
    within_TMD, trace_T = _about(exact, means_TND)
    _, total_T = _about(exact, grand_T1D)
    tiny = torch.finfo(trace_T.dtype).eps
    # S is zero if no class has two pictures: then P is the identity up to its factor.
    vanishes_T = trace_T <= tiny
    strength_T = trace_T.masked_fill(vanishes_T, 1.0)
    classes_TND = _shrink_along_scatter(within_TMD, strength_T, means_TND)
    bias_TN = -0.5 * (classes_TND * means_TND).sum(-1)
    # The precision has the factor tr(S), where the authors have D.
    spread_T = torch.where(vanishes_T & (total_T > tiny), total_T, strength_T)
    scale_T1 = (_alpha(exact) * exact.text_TND.shape[-1] / spread_T)[:, None]
    return support.head(
        support.text_TND
        + (scale_T1[..., None] * classes_TND / exact.scale_T11).to(support.text_TND),
        (scale_T1 * bias_TN).to(support.text_TND),
    )


def _alpha(support: Support) -> Tensor:
    """Return α (T,), interpolated between shots on logarithmic axes, constant beyond the table."""
    n_shot = np.log(support.n_shot_T.detach().cpu().numpy())
    alpha = np.exp(np.interp(n_shot, np.log(list(ALPHA)), np.log(list(ALPHA.values()))))
    return torch.as_tensor(alpha, dtype=support.text_TND.dtype).to(support.text_TND.device)


def _about(support: Support, centre_TND: Tensor) -> tuple[Tensor, Tensor]:
    """Return the pictures minus their classes' centres (T, M, D), and their variance (T,)."""
    present_TNK1 = support.present_TNK[..., None]
    about_TNKD = (support.shots_TNKD - centre_TND[:, :, None]) * present_TNK1
    variance_T = about_TNKD.square().sum((1, 2, 3)) / (support.n_pictures_T - 1).clamp(min=1)
    return about_TNKD.flatten(1, 2), variance_T


def _shrink_along_scatter(rows_TMD: Tensor, strength_T: Tensor, vectors_TND: Tensor) -> Tensor:
    """Multiply vectors by strength · [rowsᵀ rows + strength · I]⁻¹, with the smaller of M and D."""
    n_rows, width = rows_TMD.shape[1:]
    strength_T11 = strength_T[:, None, None]
    identity = torch.eye(min(n_rows, width), dtype=rows_TMD.dtype, device=rows_TMD.device)
    if n_rows >= width:
        factor = torch.linalg.cholesky(rows_TMD.mT @ rows_TMD + strength_T11 * identity)
        return torch.cholesky_solve((strength_T11 * vectors_TND).mT.contiguous(), factor).mT
    factor = torch.linalg.cholesky(rows_TMD @ rows_TMD.mT + strength_T11 * identity)
    along_TMN = torch.cholesky_solve((rows_TMD @ vectors_TND.mT).contiguous(), factor)
    return vectors_TND - along_TMN.mT @ rows_TMD
