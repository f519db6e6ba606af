"""Labels of an even pool: neighbours vote, and all classes get equal shares."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from metaadapter.generator.domain_shift import DomainShift, evenness

# Chosen on validation sets (docs/explanation/pool.md).
EVEN, EVEN_WIDTH = 0.85, 0.01
"""The evenness of the votes at which half of the new assignment counts, and the width."""
MOST_NEIGHBOURS = 5
"""A picture has this many neighbours, or half as many as a class has pictures if that is less."""
POWER = 2.0
"""The exponent of prediction + vote before the shares are made equal."""
N_BALANCED = 10
"""The number of times that the shares are made equal."""


def with_equal_shares(
    assigned_TUN: Float[Tensor, "T U N"],
    pool_TUD: Float[Tensor, "T U D"],
    mask_TU: Bool[Tensor, "T U"],
    class_mask_TN: Bool[Tensor, "T N"],
    shift: DomainShift,
) -> Float[Tensor, "T U N"]:
    """Return the assignment of pools to classes, with equal shares as far as the pools are even.

    The neighbours of a picture, by cosine around the pool's mean, vote with their assignments. If
    the votes are even and the pool has no strangers of another source, a picture gets the square of
    assignment + vote, scaled to equal shares of all classes by Sinkhorn's algorithm (Cuturi 2013).
    A task whose shift is not measured keeps its assignment.
    """
    mask_TU1 = mask_TU[..., None].to(assigned_TUN)
    vote_TUN = _votes(assigned_TUN, pool_TUD * mask_TU1, mask_TU, class_mask_TN)
    voted_TUN = one_hot(vote_TUN.argmax(-1), vote_TUN.shape[-1]) * mask_TU1
    evenness_T = evenness(voted_TUN.sum(1), class_mask_TN)
    weight_T = ((evenness_T - EVEN) / EVEN_WIDTH).sigmoid()
    weight_T = weight_T * torch.maximum(shift.probability_T, shift.whole_T) * (shift.ratio_T > 0)
    equal_TUN = (assigned_TUN + vote_TUN) ** POWER
    for _ in range(N_BALANCED):
        equal_TUN = normalize(normalize(equal_TUN, p=1, dim=1), p=1, dim=2)
    return torch.lerp(assigned_TUN, equal_TUN * mask_TU1, weight_T.to(equal_TUN)[:, None, None])


def _votes(
    assigned_TUN: Tensor, pool_TUD: Tensor, mask_TU: Tensor, class_mask_TN: Tensor
) -> Float[Tensor, "T U N"]:
    """Return the mean assignment of the nearest pictures in the pool."""
    n_pool_T = mask_TU.sum(-1)
    n_way_T = class_mask_TN.sum(-1).clamp(min=1)
    n_T = (n_pool_T // (2 * n_way_T)).clamp(1, MOST_NEIGHBOURS)
    centre_T1D = pool_TUD.sum(1, keepdim=True) / n_pool_T.clamp(min=1)[:, None, None]
    unit_TUD = normalize(pool_TUD - centre_T1D, dim=-1)
    own_UU = torch.eye(mask_TU.shape[1], dtype=torch.bool, device=mask_TU.device)
    cosine_TUU = (unit_TUD @ unit_TUD.mT).masked_fill(own_UU | ~mask_TU[:, None], -torch.inf)
    nearest_TUK = cosine_TUU.topk(min(MOST_NEIGHBOURS, mask_TU.shape[1]), -1).indices
    tasks_T11 = torch.arange(len(n_T), device=n_T.device)[:, None, None]
    counts_TK = torch.arange(nearest_TUK.shape[-1], device=n_T.device) < n_T[:, None]
    of_neighbours_TUKN = assigned_TUN[tasks_T11, nearest_TUK] * counts_TK[:, None, :, None]
    return of_neighbours_TUKN.sum(2) / n_T[:, None, None] * mask_TU[..., None]
