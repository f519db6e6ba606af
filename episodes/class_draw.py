"""Which classes each task has."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from episodes.uniform import uniform

__all__ = ["draw_classes"]

# T tasks, N ways, C classes.

POOL = 2
"""A hard task draws its classes from this many times as many neighbours of its seed class."""


def draw_classes(
    eligible_TC: Bool[Tensor, "T C"],
    n_way_T: Int[Tensor, " T"],
    generator: torch.Generator,
    *,
    similarity_CC: Float[Tensor, "C C"] | None = None,
    is_hard_T: Bool[Tensor, " T"] | None = None,
) -> Int[Tensor, "T N"]:
    """Draw `n_way_T` of the eligible classes, all equally likely, in random order.

    Args:
        eligible_TC: Which classes may be drawn.
        n_way_T: How many to draw; fewer where fewer are eligible.
        generator: Source of randomness.
        similarity_CC: Likeness of each two classes.
        is_hard_T: Tasks whose classes are a random one and neighbours of it.

    Returns:
        Class numbers, −1 filling up.
    """
    n_way_T = torch.minimum(n_way_T, eligible_TC.sum(1))
    keys_TC = uniform(tuple(eligible_TC.shape), generator, eligible_TC.device)
    keys_TC.masked_fill_(~eligible_TC, -1.0)
    if similarity_CC is not None and is_hard_T is not None:
        keys_TC = _prefer_neighbours(keys_TC, similarity_CC, n_way_T, is_hard_T)
    classes_TN = keys_TC.topk(int(n_way_T.max()), dim=1).indices
    is_there_TN = torch.arange(classes_TN.shape[1], device=n_way_T.device) < n_way_T[:, None]
    if is_hard_T is not None:
        # The seed class came first; where a class stands must not tell anything.
        order_TN = uniform(tuple(classes_TN.shape), generator, n_way_T.device)
        classes_TN = classes_TN.gather(1, order_TN.masked_fill_(~is_there_TN, 2.0).argsort(1))
    return classes_TN.masked_fill(~is_there_TN, -1)


def _prefer_neighbours(
    keys_TC: Float[Tensor, "T C"],
    similarity_CC: Float[Tensor, "C C"],
    n_way_T: Int[Tensor, " T"],
    is_hard_T: Bool[Tensor, " T"],
) -> Float[Tensor, "T C"]:
    keys_HC, n_way_H = keys_TC[is_hard_T], n_way_T[is_hard_T]
    seed_H1 = keys_HC.argmax(1, keepdim=True)
    near_HC = similarity_CC[seed_H1[:, 0]].masked_fill(keys_HC < 0, -torch.inf)
    near_HC = near_HC.scatter(1, seed_H1, torch.inf)
    rank_HC = near_HC.argsort(1, descending=True).argsort(1)
    is_near_HC = (rank_HC <= POOL * n_way_H[:, None]) & (keys_HC >= 0)
    preferred_HC = (keys_HC + is_near_HC).scatter(1, seed_H1, 3.0)
    return keys_TC.index_put((is_hard_T,), preferred_HC)
