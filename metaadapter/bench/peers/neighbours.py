"""Assigns pool pictures to classes, each drawn towards the classes of its nearest pictures."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

# Constants of the authors of TransCLIP and StatA, who use them in all of their experiments.
N_NEIGHBOURS, N_ROUNDS = 3, 5
# The authors divide log-likelihoods of Gaussians by 50, to add them to log-probabilities of texts.
SHARPNESS = 1 / 50


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
    for _ in range(N_ROUNDS):
        pulled_UN = near_PU.mT @ torch.cat([z_UN, labelled_MN]) + near_PU[:n_pool] @ z_UN
        z_UN = (evidence_UN + pulled_UN / (2 * N_NEIGHBOURS)).softmax(-1)
    return z_UN
