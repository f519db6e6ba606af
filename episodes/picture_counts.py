"""How many pictures of each class become support, twin support and queries."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

__all__ = ["PictureCounts", "divide_pictures"]


class PictureCounts(NamedTuple):
    """Pictures of each task's classes, 0 where a class is not there."""

    support_TN: Int[Tensor, "T N"]
    twin_TN: Int[Tensor, "T N"]
    query_TN: Int[Tensor, "T N"]


def divide_pictures(
    wanted_TN: Int[Tensor, "T N"],
    n_query: int,
    support_pool_TN: Int[Tensor, "T N"],
    query_pool_TN: Int[Tensor, "T N"],
    is_one_pool_T1: Bool[Tensor, "T 1"],
    *,
    twins: bool,
) -> PictureCounts:
    """Divide the pictures that there are. Shots give way to queries, but for the first one.

    Args:
        wanted_TN: Shots that each class should have.
        n_query: Queries that each class should have.
        support_pool_TN: Pictures that the support can be taken from.
        query_pool_TN: Pictures that the queries and the twin support can be taken from.
        is_one_pool_T1: Tasks in which the two pools are the same pictures.
        twins: Whether there should be a twin support, as large as the support.
    """
    is_one_TN = is_one_pool_T1.long()
    has_twin_TN = (query_pool_TN >= 2 + is_one_TN).long() * twins
    query_TN = (query_pool_TN - has_twin_TN - is_one_TN).clamp(max=n_query)
    left_TN = query_pool_TN - query_TN
    takers_TN = is_one_TN + has_twin_TN
    most_TN = torch.where(takers_TN > 0, left_TN // takers_TN.clamp(min=1), support_pool_TN)
    shots_TN = torch.minimum(torch.minimum(wanted_TN, most_TN), support_pool_TN)
    is_there_TN = (support_pool_TN > 0) & (query_pool_TN > 0)
    return PictureCounts(*(x * is_there_TN for x in (shots_TN, shots_TN * has_twin_TN, query_TN)))
