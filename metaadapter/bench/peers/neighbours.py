"""Assignments of the pictures of a pool to classes, which are pulled by their neighbours."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

# Constants of the authors of TransCLIP and StatA, the same in all of their experiments.
N_NEIGHBOURS, N_ROUNDS = 3, 5
# The authors divide log-likelihoods of Gaussians by 50, to add them to log-probabilities of texts.
SHARPNESS = 1 / 50


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
    for _ in range(N_ROUNDS):
        pulled_UN = near_PU.mT @ torch.cat([z_UN, labelled_MN]) + near_PU[:n_pool] @ z_UN
        z_UN = (evidence_UN + pulled_UN / (2 * N_NEIGHBOURS)).softmax(-1)
    return z_UN
