"""Labels that are assigned to an even pool, so that gradient steps learn from its pictures."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.generator.domain_shift import LEAST_POOL, evenness

# Chosen on validation sets (docs/explanation/gradient-steps.md).
MOST_NEIGHBOURS = 5
"""A picture has this many neighbours, or half as many as a class has pictures if that is less."""
EVEN = 0.85
"""A pool is even if the shares of the labels for which neighbours vote are more even than this."""
POWER = 2.0
"""The exponent of the probabilities before they are balanced."""
N_BALANCED = 10
"""The number of times that the shares of the classes are made equal."""


@dataclass(frozen=True, slots=True)
class PoolLabels:
    """The labels assigned to the pools of T tasks of U pictures and N classes."""

    label_TUN: Float[Tensor, "T U N"]
    """The probabilities of the classes; zeros for a picture without a label."""
    is_even_T: Bool[Tensor, " T"]
    """True if all classes seem to have equal shares of the pool; only then there are labels."""


def pool_labels(weights: AdapterWeights, support: Support) -> PoolLabels:
    """Assign labels to the pools by predictions and neighbours, with equal shares of all classes.

    Neighbours vote with their predictions p. If the votes are even, the label of a picture is the
    square of p + vote, balanced so that all classes have the same share (Sinkhorn's algorithm, as
    in Caron et al. 2020). Each task is computed alone.
    """
    pool_TUD, mask_TU = support.pool_TUD, support.pool_mask_TU
    assert pool_TUD is not None
    assert mask_TU is not None
    mask_TU1 = mask_TU[..., None].to(pool_TUD)
    n_pool_T = mask_TU.sum(-1)
    log_p_TUN = classify(pool_TUD, weights).log_softmax(-1)
    p_TUN = log_p_TUN.exp() * mask_TU1
    vote_TUN = _votes(p_TUN, pool_TUD * mask_TU1, mask_TU, support.class_mask_TN.sum(-1))
    voted_TUN = one_hot(vote_TUN.argmax(-1), vote_TUN.shape[-1]) * mask_TU1
    is_even_T = evenness(voted_TUN.sum(1), support.class_mask_TN) > EVEN
    is_even_T = is_even_T & (n_pool_T >= LEAST_POOL)
    label_TUN = (p_TUN + vote_TUN) ** POWER
    for _ in range(N_BALANCED):
        label_TUN = normalize(normalize(label_TUN, p=1, dim=1), p=1, dim=2)
    return PoolLabels(label_TUN * is_even_T[:, None, None], is_even_T)


def _votes(
    p_TUN: Tensor, pool_TUD: Tensor, mask_TU: Tensor, n_way_T: Tensor
) -> Float[Tensor, "T U N"]:
    """Return the mean prediction for the nearest neighbours of each picture in its pool."""
    n_pool_T = mask_TU.sum(-1)
    n_T = (n_pool_T // (2 * n_way_T).clamp(min=1)).clamp(1, MOST_NEIGHBOURS)
    centre_T1D = pool_TUD.sum(1, keepdim=True) / n_pool_T.clamp(min=1)[:, None, None]
    unit_TUD = normalize(pool_TUD - centre_T1D, dim=-1)
    cosine_TUU = unit_TUD @ unit_TUD.mT
    cosine_TUU.masked_fill_(~mask_TU[:, None], -torch.inf)
    cosine_TUU.diagonal(dim1=1, dim2=2).fill_(-torch.inf)
    nearest_TUK = cosine_TUU.topk(min(MOST_NEIGHBOURS, mask_TU.shape[1]), -1).indices
    tasks_T11 = torch.arange(len(p_TUN), device=p_TUN.device)[:, None, None]
    rank_K = torch.arange(nearest_TUK.shape[-1], device=p_TUN.device)
    counts_TK = (rank_K < n_T[:, None]).to(p_TUN)
    of_neighbours_TUKN = p_TUN[tasks_T11, nearest_TUK] * counts_TK[:, None, :, None]
    vote_TUN = of_neighbours_TUKN.sum(2) / n_T[:, None, None]
    return vote_TUN * mask_TU[..., None]
