"""TransCLIP (Zanella et al., NeurIPS 2024): Gaussians of pool and support added to texts."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.bench.peers.neighbours import SHARPNESS, assign, nearest
from metaadapter.bench.peers.task_by_task import Task, heads

# The authors' rounds, and the power of the text's probability if there are labelled pictures.
N_ROUNDS, TEXT_POWER = 10, 0.5
# By shots: the authors choose γ among 0.002, 0.01, 0.02 and 0.2 on up to 4 validation pictures a
# class. Here each number of shots has the one that is best on training stores: one or two labelled
# pictures of a class lie so close to their own mean that σ would vanish.
GAMMA = {1: 0.002, 2: 0.002, 4: 0.01, 8: 0.2, 16: 0.2}
# The authors' factor of γ.
LABELLED_WEIGHT = 50
# Without labelled pictures a mean starts at this many pictures, the most probable by the text.
N_SUREST = 8
# A smaller variance, relative to 1 / D, is a rounding error.
LEAST_VARIANCE = 1e-6


def transclip(support: Support) -> AdapterWeights:
    """Logits λ s · x · t_c − ½ Σ_d (x_d − μ_cd)² / (50 σ_d), λ = ½ with labelled pictures, else 1.

    Ten rounds assign the pool, z_u ∝ p_text(u)^λ N(u; μ, σ)^(1/50) times the pull of the three
    nearest pictures, then compute μ and σ from pool and support with weights 1 and 50 γ; γ grows
    with the mean number of shots. A query has no such pull, so its logits are linear. A class
    without a text has the mean text. A class without labelled pictures starts at the unlabelled
    pictures that are most probable by its text; without a pool it has the mean Gaussian part of the
    other classes. If there is no variance, σ stays 1 / D.
    """
    return heads(support, _fit)


def _fit(task: Task) -> tuple[Float[Tensor, "N D"], Float[Tensor, " N"]]:
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
    """The largest assignments of each class; 0 elsewhere."""
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
