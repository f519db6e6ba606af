"""Which domain each task's support and queries come from."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from episodes.label_index import LabelIndex
from episodes.uniform import uniform

__all__ = ["domain_pairs", "draw_domains"]


def domain_pairs(index: LabelIndex, n_way: int) -> Int[Tensor, "P 2"]:
    """Ordered pairs of different domains with at least `n_way` classes in common."""
    is_there_CM = (index.counts_CM > 0).float()
    common_MM = (is_there_CM.T @ is_there_CM).fill_diagonal_(0)
    return (common_MM >= n_way).nonzero()


def draw_domains(
    pairs_P2: Int[Tensor, "P 2"],
    cross_share: float,
    all_domains: int,
    n_tasks: int,
    generator: torch.Generator,
) -> Int[Tensor, "T 2"]:
    """Draw a pair in a share of the tasks; both are `all_domains` in the others."""
    mixed_T2 = torch.full((n_tasks, 2), all_domains, device=pairs_P2.device)
    if cross_share == 0:
        return mixed_T2
    draws_2T = uniform((2, n_tasks), generator, pairs_P2.device)
    crossed_T2 = pairs_P2[(draws_2T[0] * len(pairs_P2)).long()]
    return torch.where(draws_2T[1, :, None] < cross_share, crossed_T2, mixed_T2)
