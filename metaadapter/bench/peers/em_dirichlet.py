"""EM-Dirichlet (Martin et al., CVPR 2024): Dirichlet distributions of zero-shot probabilities."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import LogitFunction
from metaadapter.bench.peers.task_by_task import neutral_text

# The authors' number of rounds, and their inverse temperature, 30, divided by CLIP's, 100.
N_ROUNDS, TEMPERATURE_PER_SCALE = 20, 0.3
# The authors fit a Dirichlet in at most 1,000 steps; after each 50 they stop if it hardly changes.
N_STEPS, N_BETWEEN, STILL = 1000, 50, 1e-11
# The authors add this to probabilities.
EPSILON = 1e-15
# A class whose weights of pictures sum to less than this keeps its distribution.
LEAST_MASS = 1e-12


def em_dirichlet(support: Support) -> LogitFunction:
    """Return a function with logits log Dir(p(x); α_c) + log π_c, p(x) = softmax(0.3 s · x · t).

    Each of twenty rounds fits α_c to the labelled pictures of c and to the pool, weighted by its
    assignments to c; sets π to the mean assignment of the pool; and assigns the pool by the logits.
    log π_c is weighted as the authors do if the number of classes in the pool is unknown. Without a
    pool, π is uniform. A class without a text has the mean text. A class with neither pictures nor
    a pool has α_c = 1 + e_c (e_c is one-hot), so that its logit is log p_c(x) plus a constant.

    Settings: temperature 30 of CLIP's 100, 20 rounds, up to 1,000 steps. Departures: π is weighed
    as if all classes were in the pool.
    """
    exact = support.exact
    classes_TN, is_pool_TU = exact.class_mask_TN, exact.pool_mask_TU
    pool_TUD = exact.rows_TMD[:, :0] if exact.pool_TUD is None else exact.pool_TUD
    is_pool_TU = pool_TUD.any(-1) if is_pool_TU is None else is_pool_TU
    text_TND = neutral_text(exact.text_TND.masked_fill(~classes_TN[..., None], 0.0))
    vectors_TND = TEMPERATURE_PER_SCALE * exact.scale_T11 * text_TND

    def log_p(rows_TQD: Float[Tensor, "T Q D"]) -> Float[Tensor, "T Q N"]:
        logits_TQN = (rows_TQD @ vectors_TND.mT).masked_fill(~classes_TN[:, None], -torch.inf)
        return (logits_TQN.softmax(-1) + EPSILON).log().masked_fill(~classes_TN[:, None], 0.0)

    labelled_TMN, has_pool_T1 = exact.targets_TMN, is_pool_TU.any(-1, keepdim=True)
    pool_TUN = log_p(pool_TUD.masked_fill(~is_pool_TU[..., None], 0.0))
    log_rows_TMN = log_p(exact.rows_TMD)
    z_TUN = pool_TUN.exp() * classes_TN[:, None] * is_pool_TU[..., None]
    n_pool_T1 = is_pool_TU.sum(-1, keepdim=True).clamp(min=1)
    has_any_TN = (labelled_TMN.any(1) | has_pool_T1) & classes_TN
    alpha_TNE = 1 + torch.diag_embed((~has_any_TN).to(vectors_TND))
    log_share_TN = torch.zeros_like(vectors_TND[..., 0])
    for number in range(N_ROUNDS):
        mass_TN = labelled_TMN.sum(1) + z_TUN.sum(1)
        sums_TNE = labelled_TMN.mT @ log_rows_TMN + z_TUN.mT @ pool_TUN
        # Without a pool, nothing changes after the first round.
        fits_TN = classes_TN & (mass_TN > LEAST_MASS) & (has_pool_T1 | (number == 0))
        entries_TNE = classes_TN[:, None].expand_as(alpha_TNE)
        mean_RE = sums_TNE[fits_TN] / mass_TN[fits_TN][:, None]
        alpha_TNE[fits_TN] = _fit(alpha_TNE[fits_TN], mean_RE, entries_TNE[fits_TN])
        share_TN = (z_TUN.sum(1) / n_pool_T1 + EPSILON).log()
        log_share_TN = torch.where(has_pool_T1, share_TN, 0.0)
        logits_TUN = _log_density(pool_TUN, alpha_TNE, classes_TN) + log_share_TN[:, None]
        logits_TUN = logits_TUN.masked_fill(~classes_TN[:, None], -torch.inf)
        z_TUN = logits_TUN.softmax(-1) * is_pool_TU[..., None]

    def answer(query_TQD: Float[Tensor, "T Q D"]) -> Float[Tensor, "T Q N"]:
        density_TQN = _log_density(log_p(query_TQD.to(vectors_TND)), alpha_TNE, classes_TN)
        logits_TQN = density_TQN + log_share_TN[:, None]
        masked_TQN = logits_TQN.masked_fill(~classes_TN[:, None], -torch.inf)
        return masked_TQN.log_softmax(-1).to(query_TQD)

    return answer


def _log_density(
    log_p_TQE: Float[Tensor, "T Q E"],
    alpha_TNE: Float[Tensor, "T N E"],
    classes_TE: Bool[Tensor, "T E"],
) -> Float[Tensor, "T Q N"]:
    valid_T1E = classes_TE[:, None]
    total_TN = (alpha_TNE * valid_T1E).sum(-1)
    constant_TN = total_TN.lgamma() - (alpha_TNE.lgamma() * valid_T1E).sum(-1)
    return log_p_TQE @ ((alpha_TNE - 1) * valid_T1E).mT + constant_TN[:, None]


def _fit(
    alpha_RE: Float[Tensor, "R E"], mean_RE: Float[Tensor, "R E"], valid_RE: Bool[Tensor, "R E"]
) -> Float[Tensor, "R E"]:
    """Return the maximum-likelihood α for each row of mean log-probabilities.

    Each of the authors' steps maximises a lower bound of the likelihood, whose curvature makes the
    bound tight at α = 0, too. With a single picture there is no maximum; the last step limits α.
    """
    alpha_RE, moving_R = alpha_RE.clone(), torch.arange(len(alpha_RE), device=alpha_RE.device)
    for _ in range(N_STEPS // N_BETWEEN):
        new_RE, valid, mean = alpha_RE[moving_R], valid_RE[moving_R], mean_RE[moving_R]
        old_RE = new_RE
        for _ in range(N_BETWEEN):
            old_RE = new_RE
            slope_RE = (old_RE + 1).digamma()
            gap_RE = slope_RE * old_RE - (old_RE + 1).lgamma()
            curvature_RE = torch.where(
                old_RE > EPSILON, 2 * gap_RE / old_RE.square(), math.pi**2 / 6
            )
            total_R1 = (old_RE * valid).sum(-1, keepdim=True)
            b_RE = slope_RE - total_R1.digamma() - curvature_RE * old_RE - mean
            new_RE = ((b_RE.square() + 4 * curvature_RE).sqrt() - b_RE) / (2 * curvature_RE)
        alpha_RE[moving_R] = new_RE
        moved_R = ((new_RE - old_RE) * valid).square().sum(-1)
        moving_R = moving_R[moved_R >= STILL * (old_RE * valid).square().sum(-1)]
        if not len(moving_R):
            break
    return alpha_RE
