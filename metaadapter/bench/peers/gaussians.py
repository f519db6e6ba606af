"""TransCLIP (Zanella et al., NeurIPS 2024) and StatA (CVPR 2025): Gaussians of pool and support.

Both assign pool pictures to classes; a picture is drawn towards the classes of its nearest ones.
"""

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

# Constants of the authors of TransCLIP and StatA, who use them in all of their experiments.
N_NEIGHBOURS, N_INNER = 3, 5
# The authors divide log-likelihoods of Gaussians by 50, to add them to log-probabilities of texts.
SHARPNESS = 1 / 50
# Their number of rounds, and the factor λ of text logits if there are labelled pictures; StatA
# itself has no labelled pictures.
N_ROUNDS, TEXT_POWER = 10, 0.5
# Relative to 1 / D: in TransCLIP a smaller variance is a rounding error; in StatA it is the least,
# so that a channel with equal values does not divide by 0.
LEAST_VARIANCE = 1e-6
# Shots → γ of TransCLIP. The authors choose among 0.002, 0.01, 0.02 and 0.2 by up to 4 validation
# pictures a class; here the choice is the best on training stores. It is small for one or two
# shots, because so few pictures lie so close to their own mean that σ would vanish.
GAMMA = {1: 0.002, 2: 0.002, 4: 0.01, 8: 0.2, 16: 0.2}
# The authors multiply γ by this.
LABELLED_WEIGHT = 50
# Without labelled pictures, a class's mean starts from this many pool pictures, chosen by its text.
N_SUREST = 8
# The anchor of StatA has the weight of α pictures.
ALPHA = 1.0


def nearest(points_PD: Float[Tensor, "P D"], n_pool: int) -> Float[Tensor, "P U"]:
    """Return cosines to the three nearest other pool pictures, which come first; 0 elsewhere."""
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
    """Return z after rounds of z_u = softmax(e_u + Σ_p (w_up + w_pu) z_p / 6), u in the pool.

    e is the evidence, w the cosines of `nearest`. Labelled pictures p keep their classes as z_p.
    """
    n_pool = len(z_UN)
    for _ in range(N_INNER):
        pulled_UN = near_PU.mT @ torch.cat([z_UN, labelled_MN]) + near_PU[:n_pool] @ z_UN
        z_UN = (evidence_UN + pulled_UN / (2 * N_NEIGHBOURS)).softmax(-1)
    return z_UN


def transclip(support: Support) -> AdapterWeights:
    """Return adapters with logits λ s · x · t_c − ½ Σ_d (x_d − μ_cd)² / (50 σ_d).

    λ is ½ with labelled pictures, else 1. Each of ten rounds assigns the pool,
    z_u ∝ p_text(u)^λ N(u; μ, σ)^(1/50) times the influence of the three nearest pictures, then
    computes μ and σ from the pool with weight 1 and the support with weight 50 γ; γ grows with the
    mean number of shots. Neighbours do not influence a query, so its logits are linear. A class
    without a text has the mean text. A class without labelled pictures starts from pool pictures;
    without a pool its Gaussian term is the mean of the others'. A variance of 0 stays 1 / D.

    Settings: λ = ½ (1 without labels), 10 rounds, 5 neighbour steps, 1/50: theirs; the weight γ of
    labelled pictures is 0.002 at 1 and 2 shots, 0.01 at 4, 0.2 from 8. Departures: the authors
    choose γ on validation pictures; a new picture has no neighbours (0.4 points at most).
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
    """Return the weights of pictures, which sum to 1 in the pool and to 50 γ in the support."""
    n_labelled, n_pictured = len(labelled_MN), int(labelled_MN.any(0).sum())
    log_shots = np.log(max(1, n_labelled) / max(1, n_pictured))
    gamma = np.exp(np.interp(log_shots, np.log(list(GAMMA)), np.log(list(GAMMA.values()))))
    pool_U1 = labelled_MN.new_full((n_pool, 1), 1 / max(1, n_pool))
    weight = LABELLED_WEIGHT * gamma / max(1, n_labelled)
    return torch.cat([pool_U1, labelled_MN.new_full((n_labelled, 1), weight)])


def _surest(z_UN: Float[Tensor, "U N"]) -> Float[Tensor, "U N"]:
    """Return the `N_SUREST` largest assignments to each class, and 0 elsewhere."""
    surest = z_UN.topk(min(N_SUREST, len(z_UN)), dim=0)
    return torch.zeros_like(z_UN).scatter(0, surest.indices, surest.values)


def _gaussians(
    means_ND: Float[Tensor, "N D"], variance_D: Float[Tensor, " D"], known_N: Bool[Tensor, " N"]
) -> tuple[Float[Tensor, "N D"], Float[Tensor, " N"]]:
    """Return vectors and biases of the log-likelihoods, without terms that all classes share."""
    vectors_ND = SHARPNESS * means_ND / variance_D
    bias_N = -0.5 * (vectors_ND * means_ND).sum(-1)
    n_known = known_N.sum().clamp(min=1)
    mean_D, mean = vectors_ND[known_N].sum(0) / n_known, bias_N[known_N].sum() / n_known
    return torch.where(known_N[:, None], vectors_ND, mean_D), torch.where(known_N, bias_N, mean)


def _spread(
    mass_PN: Float[Tensor, "P N"], points_PD: Float[Tensor, "P D"], means_ND: Float[Tensor, "N D"]
) -> Float[Tensor, " D"]:
    """Return the variance along each axis around the class means, the same for all classes."""
    about_D = mass_PN.sum(-1) @ points_PD.square() - 2 * (mass_PN.mT @ points_PD * means_ND).sum(0)
    about_D = about_D + mass_PN.sum(0) @ means_ND.square()
    variance_D = about_D / mass_PN.sum().clamp(min=torch.finfo(about_D.dtype).tiny)
    start = 1 / points_PD.shape[1]
    return variance_D.masked_fill(variance_D < LEAST_VARIANCE * start, start)


def stat_a(support: Support) -> LogitFunction:
    """Return a function with logits λ s · x · t_c − ½ Σ_d ((x_d − μ_cd)² / σ_cd + log σ_cd) / 50.

    Each of ten rounds assigns the pool by these logits and by its neighbours, as in TransCLIP. Then
    c is most probable for n_c pictures, and β_c = n_c / (n_c + α). μ_c becomes β_c times the mean
    picture of c plus 1 − β_c times the anchor; σ_c becomes, with the same weights, the variance of
    the class around μ_c plus that of all pictures around their anchors. The authors have no
    labelled pictures, λ = 1, and the text as the anchor. Here the labelled pictures join the pool
    with a fixed class, λ = ½, and the anchor is their mean. The anchor of a class without labelled
    pictures is its text, which is far from all pictures, so the class is seldom predicted if others
    have labelled pictures. A class without a text has the mean text.

    Settings: α = 1, 10 rounds, 1/50: theirs. Departures: the authors have λ = 1 and anchors at the
    texts; anchors at labelled means and λ = ½ gain 11, 7 and 2 points at 1, 4 and 16 shots.
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
    """Return the weighted sums of squared distances from each class mean, along each axis."""
    cross_ND = 2 * means_ND * (z_PN.mT @ points_PD)
    return z_PN.mT @ points_PD.square() - cross_ND + z_PN.sum(0)[:, None] * means_ND.square()


def _logits(
    rows_QD: Float[Tensor, "Q D"],
    vectors_ND: Float[Tensor, "N D"],
    means_ND: Float[Tensor, "N D"],
    variance_ND: Float[Tensor, "N D"],
) -> Float[Tensor, "Q N"]:
    """Return the logits of rows from the texts and the Gaussians."""
    precise_ND = means_ND / variance_ND
    squares_QN = rows_QD.square() @ (1 / variance_ND).mT - 2 * rows_QD @ precise_ND.mT
    constant_N = (means_ND * precise_ND + variance_ND.log()).sum(-1)
    return rows_QD @ vectors_ND.mT - 0.5 * SHARPNESS * (squares_QN + constant_N)
