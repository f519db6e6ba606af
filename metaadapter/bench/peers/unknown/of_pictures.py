"""Scores that compare a query with the labelled pictures."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.bench.peers.unknown.queries import AnsweredQueries


def prototype(queries: AnsweredQueries) -> Float[Tensor, "T Q"]:
    """max_c cos(x, μ_c), the cosine with the nearest mean picture of a class."""
    means_TND = normalize(queries.support.means_TND, dim=-1)
    cosines_TQN = queries.rows_TQD @ means_TND.mT
    return cosines_TQN.masked_fill(~_pictured(queries.support)[:, None], -torch.inf).amax(-1)


def mahalanobis(queries: AnsweredQueries) -> Float[Tensor, "T Q"]:
    """−min_c (x − μ_c) · P (x − μ_c), P = [I + Σ r rᵀ / tr(S)]⁻¹ (Lee et al., NeurIPS 2018).

    r are the n labelled pictures less the means μ of their N classes, and S = Σ r rᵀ / (n − N) is
    the covariance within classes, which the authors invert. Here there are fewer pictures than
    dimensions, so it is shrunk: P is tr(S) [Σ r rᵀ + tr(S) I]⁻¹, the empirical Bayes estimator of
    GDA (Kubokawa & Srivastava 2008), up to a factor that changes no order. With one picture of each
    class there is no r, and P is the identity.
    """
    exact = queries.support.exact
    pictured_TN, means_TND = _pictured(exact), exact.means_TND
    about_TNKD = (exact.shots_TNKD - means_TND[:, :, None]) * exact.present_TNK[..., None]
    rows_TMD = about_TNKD.flatten(1, 2)
    n_free_T = (exact.present_TNK.sum((1, 2)) - pictured_TN.sum(-1)).clamp(min=1)
    trace_T11 = (rows_TMD.square().sum((1, 2)) / n_free_T)[:, None, None]
    # Rounding errors alone are no variance.
    vanishes_T11 = trace_T11 <= torch.finfo(trace_T11.dtype).eps
    rows_TMD = rows_TMD.masked_fill(vanishes_T11, 0.0)
    trace_T11 = trace_T11.masked_fill(vanishes_T11, 1.0)
    # By Woodbury, d · P d = ‖d‖² − ‖A d‖² with A = L⁻¹ R and L Lᵀ = R Rᵀ + tr(S) I, the rows of R
    # being r: a matrix of the number of pictures in place of one of the width.
    identity_MM = torch.eye(rows_TMD.shape[1], dtype=rows_TMD.dtype, device=rows_TMD.device)
    lower_TMM = torch.linalg.cholesky(rows_TMD @ rows_TMD.mT + trace_T11 * identity_MM)
    whole_TMD = torch.linalg.solve_triangular(lower_TMM, rows_TMD, upper=False)
    a_TMD, means_TND = whole_TMD.to(queries.rows_TQD), means_TND.to(queries.rows_TQD)
    distance_TQN = _square_distances(queries.rows_TQD, means_TND) - _square_distances(
        queries.rows_TQD @ a_TMD.mT, means_TND @ a_TMD.mT
    )
    return -distance_TQN.masked_fill(~pictured_TN[:, None], torch.inf).amin(-1)


def _pictured(support: Support) -> Bool[Tensor, "T N"]:
    return support.present_TNK.any(-1)


def _square_distances(
    one_TQX: Float[Tensor, "T Q X"], other_TNX: Float[Tensor, "T N X"]
) -> Float[Tensor, "T Q N"]:
    products_TQN = one_TQX @ other_TNX.mT
    squares_TQ1 = one_TQX.square().sum(-1, keepdim=True)
    return squares_TQ1 - 2 * products_TQN + other_TNX.square().sum(-1)[:, None]
