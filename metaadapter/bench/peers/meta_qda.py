"""MetaQDA (Zhang et al., ICCV 2021): Gaussian classes with one learned prior, fully Bayesian."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import LogitFunction


@dataclass(frozen=True, slots=True)
class Prior:
    """A normal-inverse-Wishart prior of the mean and covariance of a class, learned on tasks."""

    mean_D: Float[Tensor, " D"]
    whiten_DD: Float[Tensor, "D D"]
    """L⁻¹, where L Lᵀ = S is the scale matrix."""
    log_kappa: Float[Tensor, ""]
    """ln κ: the prior mean counts as κ pictures."""
    log_freedom: Float[Tensor, ""]
    """ln(ν − D + 1), so that ν is never too small."""
    log_temperature: Float[Tensor, ""]
    """Divides the log-densities, which over many numbers are too sure of themselves."""


def meta_qda(support: Support, learned: Prior) -> LogitFunction:
    """Return a function with the log-probabilities of a query under the classes' Student t.

    All classes are equally probable before a query. Texts and temperature are not used; a class
    without a picture has the density of the prior.
    """
    exact = support.exact

    def answer(query_TQD: Float[Tensor, "T Q D"]) -> Float[Tensor, "T Q N"]:
        return logits(exact, query_TQD.to(exact.text_TND), learned).log_softmax(-1).to(query_TQD)

    return answer


def logits(
    support: Support, query_TQD: Float[Tensor, "T Q D"], learned: Prior
) -> Float[Tensor, "T Q N"]:
    """Return `log_densities`, divided by the learned temperature; −∞ masked."""
    tempered_TQN = log_densities(support, query_TQD, learned) / learned.log_temperature.exp()
    return tempered_TQN.masked_fill(~support.class_mask_TN[:, None], -torch.inf)


def log_densities(
    support: Support, query_TQD: Float[Tensor, "T Q D"], learned: Prior
) -> Float[Tensor, "T Q N"]:
    """Return ln t(x; m_c, S_c (κ_c + 1) / (κ_c f_c), f_c) up to one constant.

    With n pictures x_i of class c: κ_c = κ + n, f_c = ν + n − D + 1, m_c = (κ m + Σ x_i) / κ_c and
    S_c = S + Σ x_i x_iᵀ + κ m mᵀ − κ_c m_c m_cᵀ (Murphy, 2007, section 9). For y_i = L⁻¹ (x_i − m)
    as rows of Y this is L (I + Yᵀ (I − 11ᵀ / κ_c) Y) Lᵀ, whose inverse and determinant need only
    the n × n matrix I + 11ᵀ / κ + Y Yᵀ.
    """
    to, present_TNK = query_TQD.dtype, support.present_TNK
    mean_D, whiten_DD = learned.mean_D.to(to), learned.whiten_DD.to(to)
    kappa, freedom = learned.log_kappa.to(to).exp(), learned.log_freedom.to(to).exp()
    query_TQD = (query_TQD - mean_D) @ whiten_DD.T
    shots_TNKD = (support.shots_TNKD.to(to) - mean_D) @ whiten_DD.T * present_TNK[..., None]
    n_TN = present_TNK.sum(-1).to(to)
    centre_TND = shots_TNKD.sum(2) / (kappa + n_TN)[..., None]

    both_TNKK = (present_TNK[..., None] & present_TNK[..., None, :]).to(to)
    identity_KK = torch.eye(present_TNK.shape[-1]).to(both_TNKK)
    root_TNKK = torch.linalg.cholesky(identity_KK + both_TNKK / kappa + shots_TNKD @ shots_TNKD.mT)
    log_det_TN = 2 * root_TNKK.diagonal(dim1=-2, dim2=-1).log().sum(-1) - (n_TN / kappa).log1p()

    from_shots_TNKQ = shots_TNKD @ query_TQD[:, None].mT
    from_shots_TNKQ = from_shots_TNKQ - shots_TNKD @ centre_TND[..., None]
    along_TNKQ = torch.linalg.solve_triangular(root_TNKK, from_shots_TNKQ, upper=False)
    square_TNQ = torch.cdist(centre_TND, query_TQD).square() - along_TNKQ.square().sum(2)

    width, ratio_TN = query_TQD.shape[-1], (kappa + n_TN) / (kappa + n_TN + 1)
    exponent_TN = (freedom + n_TN + width) / 2
    constant_TN = (
        exponent_TN.lgamma()
        - ((freedom + n_TN) / 2).lgamma()
        + width / 2 * ratio_TN.log()
        - log_det_TN / 2
    )
    log_density_TNQ = (
        constant_TN[..., None] - exponent_TN[..., None] * (ratio_TN[..., None] * square_TNQ).log1p()
    )
    log_density_TQN: Tensor = log_density_TNQ.mT
    return log_density_TQN
