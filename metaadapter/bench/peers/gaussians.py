"""TransCLIP and StatA (Zanella et al.): Gaussians of pool and support added to the texts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, LogitFunction
from metaadapter.bench.peers.task_by_task import Task, answers, heads

# Constants of the authors of TransCLIP and StatA, the same in all of their experiments.
N_NEIGHBOURS, N_PULLS = 3, 5
# The authors divide log-likelihoods of Gaussians by 50, to add them to log-probabilities of texts.
SHARPNESS = 1 / 50
# The authors' rounds, and TransCLIP's power of the text's probability with labelled pictures.
N_ROUNDS, TEXT_POWER = 10, 0.5
# Of TransCLIP, by shots: the authors choose γ among 0.002, 0.01, 0.02 and 0.2 on up to 4 validation
# pictures a class. Here each number of shots has the one that is best on training stores: one or
# two labelled pictures of a class lie so close to their own mean that σ would vanish.
GAMMA = {1: 0.002, 2: 0.002, 4: 0.01, 8: 0.2, 16: 0.2}
# The authors' factor of γ.
LABELLED_WEIGHT = 50
# Without labelled pictures a mean starts at this many pictures, the most probable by the text.
N_SUREST = 8
# A smaller variance, relative to 1 / D, is a rounding error.
LEAST_VARIANCE = 1e-6

# Of StatA, the authors' setting in all experiments: the anchor has the weight of α pictures.
ALPHA = 1.0


def nearest(points_PD: Float[Tensor, "P D"], n_pool: int) -> Float[Tensor, "P U"]:
    """Cosines to the three nearest other pictures of the pool, which is first; 0 elsewhere."""
    cosine_PU = points_PD @ points_PD[:n_pool].mT
    cosine_PU.fill_diagonal_(-torch.inf)
    n_near = max(0, min(N_NEIGHBOURS, n_pool - 1))
    near = cosine_PU.topk(n_near, dim=-1)
    return torch.zeros_like(cosine_PU).scatter(-1, near.indices, near.values.clamp(min=0))


def assign(
    evidence_UN: Float[Tensor, "U N"],
    z_UN: Float[Tensor, "U N"],
    labelled_MN: Float[Tensor, "M N"],
    near_PU: Float[Tensor, "P U"],
) -> Float[Tensor, "U N"]:
    """Rounds of z_u = softmax(e_u + Σ_p (w_up + w_pu) z_p / 6) over the pool.

    Labelled pictures keep their classes; they pull their neighbours in the pool.
    """
    n_pool = len(z_UN)
    for _ in range(N_PULLS):
        pulled_UN = near_PU.mT @ torch.cat([z_UN, labelled_MN]) + near_PU[:n_pool] @ z_UN
        z_UN = (evidence_UN + pulled_UN / (2 * N_NEIGHBOURS)).softmax(-1)
    return z_UN


def transclip(support: Support) -> AdapterWeights:
    """TransCLIP (NeurIPS 2024): logits λ s · x · t_c − ½ Σ_d (x_d − μ_cd)² / (50 σ_d).

    λ = ½ with labelled pictures, else 1. Ten rounds assign the pool, z_u ∝ p_text(u)^λ N(u; μ,
    σ)^(1/50) times the pull of the three nearest pictures, then compute μ and σ from pool and
    support with weights 1 and 50 γ; γ grows with the mean number of shots. A query has no such
    pull, so its logits are linear. A class without a text has the mean text. A class without
    labelled pictures starts at the unlabelled pictures that are most probable by its text; without
    a pool it has the mean Gaussian part of the other classes. If there is no variance, σ stays 1 /
    D.
    """
    return heads(support, _fit_transclip)


def _fit_transclip(task: Task) -> tuple[Float[Tensor, "N D"], Float[Tensor, " N"]]:
    points_PD, labelled_MN, n_pool = task.points_PD, task.targets_MN, len(task.pool_UD)
    vectors_ND = (TEXT_POWER if len(labelled_MN) else 1.0) * task.scale * task.neutral_text_ND
    near_PU = nearest(points_PD, n_pool)
    z_UN = (task.scale * task.pool_UD @ task.neutral_text_ND.mT).softmax(-1)
    weight_P1 = _weights(n_pool, labelled_MN)
    start_UN = _surest(z_UN) * ~labelled_MN.any(0)
    means_ND = normalize(torch.cat([start_UN, labelled_MN]).mT @ points_PD, dim=-1)
    variance_D = points_PD.new_full(points_PD.shape[1:], 1 / points_PD.shape[1])
    known_N = labelled_MN.any(0) | (n_pool > 0)
    for _ in range(N_ROUNDS):
        gauss_ND, bias_N = _gaussians(means_ND, variance_D, known_N)
        evidence_UN = task.pool_UD @ (vectors_ND + gauss_ND).mT + bias_N
        z_UN = assign(evidence_UN, z_UN, labelled_MN, near_PU)
        mass_PN = weight_P1 * torch.cat([z_UN, labelled_MN])
        means_ND = normalize(mass_PN.mT @ points_PD, dim=-1)
        variance_D = _spread(mass_PN, points_PD, means_ND)
    gauss_ND, bias_N = _gaussians(means_ND, variance_D, known_N)
    return vectors_ND + gauss_ND, bias_N


def _weights(n_pool: int, labelled_MN: Float[Tensor, "M N"]) -> Float[Tensor, "P 1"]:
    """The weights of pictures: the pool sums to 1, and the labelled pictures sum to 50 γ."""
    n_labelled, n_pictured = len(labelled_MN), int(labelled_MN.any(0).sum())
    log_shots = np.log(max(1, n_labelled) / max(1, n_pictured))
    gamma = np.exp(np.interp(log_shots, np.log(list(GAMMA)), np.log(list(GAMMA.values()))))
    pool_U1 = labelled_MN.new_full((n_pool, 1), 1 / max(1, n_pool))
    weight = LABELLED_WEIGHT * gamma / max(1, n_labelled)
    return torch.cat([pool_U1, labelled_MN.new_full((n_labelled, 1), weight)])


def _surest(z_UN: Float[Tensor, "U N"]) -> Float[Tensor, "U N"]:
    surest = z_UN.topk(min(N_SUREST, len(z_UN)), dim=0)
    return torch.zeros_like(z_UN).scatter(0, surest.indices, surest.values)


def _gaussians(
    means_ND: Float[Tensor, "N D"], variance_D: Float[Tensor, " D"], known_N: Bool[Tensor, " N"]
) -> tuple[Float[Tensor, "N D"], Float[Tensor, " N"]]:
    """Vectors and biases of the classes' log-likelihoods, without terms that all classes share."""
    vectors_ND = SHARPNESS * means_ND / variance_D
    bias_N = -0.5 * (vectors_ND * means_ND).sum(-1)
    n_known = known_N.sum().clamp(min=1)
    mean_D, mean = vectors_ND[known_N].sum(0) / n_known, bias_N[known_N].sum() / n_known
    return torch.where(known_N[:, None], vectors_ND, mean_D), torch.where(known_N, bias_N, mean)


def _spread(
    mass_PN: Float[Tensor, "P N"], points_PD: Float[Tensor, "P D"], means_ND: Float[Tensor, "N D"]
) -> Float[Tensor, " D"]:
    """The variance along each axis about the class means, shared by all classes."""
    about_D = mass_PN.sum(-1) @ points_PD.square() - 2 * (mass_PN.mT @ points_PD * means_ND).sum(0)
    about_D = about_D + mass_PN.sum(0) @ means_ND.square()
    variance_D = about_D / mass_PN.sum().clamp(min=torch.finfo(about_D.dtype).tiny)
    start = 1 / points_PD.shape[1]
    return variance_D.masked_fill(variance_D < LEAST_VARIANCE * start, start)


def stat_a(support: Support) -> LogitFunction:
    """StatA (CVPR 2025): logits λ s · x · t_c − ½ Σ_d ((x_d − μ_cd)² / σ_cd + log σ_cd) / 50.

    Ten rounds assign the pool by these logits and its neighbours, as in TransCLIP. Then, with n_c
    pictures for which c is most probable and β_c = n_c / (n_c + α), μ_c is the mean picture and the
    anchor with weights β_c and 1 − β_c; σ_c is the variance of these pictures about μ_c and that of
    all pictures about their anchors, with the same weights. The authors have no labelled pictures,
    λ = 1, and the text as the anchor. Here λ = ½ and the anchor is the mean of the labelled
    pictures, which belong to the pool with a known class. The anchor of a class without labelled
    pictures is its text, which is far from all pictures: beside classes with pictures it is seldom
    predicted. A class without a text has the mean text.
    """
    return answers(support, _fit_stat_a)


def _fit_stat_a(task: Task) -> Callable[[Tensor], Tensor]:
    points_PD, labelled_MN = task.points_PD, task.targets_MN
    text_ND, least = task.neutral_text_ND, LEAST_VARIANCE / points_PD.shape[1]
    vectors_ND = (TEXT_POWER if len(labelled_MN) else 1.0) * task.scale * text_ND
    means_ND = normalize(labelled_MN.mT @ task.rows_MD, dim=-1)
    anchor_ND = torch.where(labelled_MN.any(0)[:, None], means_ND, text_ND)
    near_PU = nearest(points_PD, len(task.pool_UD))
    z_UN = (task.scale * task.pool_UD @ text_ND.mT).softmax(-1)
    about_anchors_ND = _scatter(torch.cat([z_UN, labelled_MN]), points_PD, anchor_ND)
    start_D = about_anchors_ND.sum(0) / max(1, len(points_PD))
    if not len(points_PD):
        start_D = start_D + 1 / len(start_D)
    means_ND, variance_ND = anchor_ND, start_D.clamp(min=least).expand_as(anchor_ND)
    for _ in range(N_ROUNDS):
        evidence_UN = _logits(task.pool_UD, vectors_ND, means_ND, variance_ND)
        z_UN = assign(evidence_UN, z_UN, labelled_MN, near_PU)
        z_PN = torch.cat([z_UN, labelled_MN])
        n_N1 = z_PN.argmax(-1).bincount(minlength=len(anchor_ND))[:, None]
        beta_N1 = n_N1 / (n_N1 + ALPHA)
        own_ND = normalize(z_PN.mT @ points_PD, dim=-1)
        means_ND = normalize(beta_N1 * own_ND + (1 - beta_N1) * anchor_ND, dim=-1)
        mass_N1 = z_PN.sum(0)[:, None].clamp(min=torch.finfo(z_PN.dtype).tiny)
        about_own_ND = _scatter(z_PN, points_PD, means_ND) / mass_N1
        anchored_ND = start_D + (anchor_ND - means_ND).square()
        variance_ND = (beta_N1 * about_own_ND + (1 - beta_N1) * anchored_ND).clamp(min=least)
    return partial(_logits, vectors_ND=vectors_ND, means_ND=means_ND, variance_ND=variance_ND)


def _scatter(
    z_PN: Float[Tensor, "P N"], points_PD: Float[Tensor, "P D"], means_ND: Float[Tensor, "N D"]
) -> Float[Tensor, "N D"]:
    cross_ND = 2 * means_ND * (z_PN.mT @ points_PD)
    return z_PN.mT @ points_PD.square() - cross_ND + z_PN.sum(0)[:, None] * means_ND.square()


def _logits(
    rows_QD: Float[Tensor, "Q D"],
    vectors_ND: Float[Tensor, "N D"],
    means_ND: Float[Tensor, "N D"],
    variance_ND: Float[Tensor, "N D"],
) -> Float[Tensor, "Q N"]:
    precise_ND = means_ND / variance_ND
    squares_QN = rows_QD.square() @ (1 / variance_ND).mT - 2 * rows_QD @ precise_ND.mT
    constant_N = (means_ND * precise_ND + variance_ND.log()).sum(-1)
    return rows_QD @ vectors_ND.mT - 0.5 * SHARPNESS * (squares_QN + constant_N)
