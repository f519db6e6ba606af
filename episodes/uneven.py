"""Uneven tasks: many pictures of one class beside few of the others, or a long tail of shots."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from episodes.draws import log_uniform, uniform
from episodes.spec import EpisodeSpec

FEW, MANY = (1, 4), (8, 100)
"""Least and most shots of the class with the fewest, and of the class with the most."""
MOST_PLACES = 600
"""Uneven tasks have fewer ways if classes × most shots, the padded size, is above this."""
TAIL_SHARE = 0.5
"""The fraction of the uneven tasks with a long tail."""


class UnevenSizes(NamedTuple):
    """The sizes of T tasks."""

    n_way_T: Int[Tensor, " T"]
    few_T: Int[Tensor, " T"]
    """Fewest shots of a class."""
    many_T: Int[Tensor, " T"]
    """Shots of the first class."""
    tail_T: Float[Tensor, " T"]
    """1 if the other classes have a long tail of shots, 0 if all have the fewest."""


def draw_uneven(
    spec: EpisodeSpec,
    n_way_T: Int[Tensor, " T"],
    n_shot_T: Int[Tensor, " T"],
    generator: torch.Generator,
) -> UnevenSizes:
    """Make a fraction `spec.uneven` of the tasks uneven, or all of a draw if tasks are alike.

    In other tasks the fewest and the most shots are `n_shot_T`.
    """
    n_sizes = 1 if spec.alike else len(n_way_T)
    drawn_4T = uniform((4, n_sizes), generator, n_way_T.device).expand(4, len(n_way_T))
    is_uneven_T = drawn_4T[0] < spec.uneven
    few_T = torch.where(is_uneven_T, log_uniform(FEW, drawn_4T[1]), n_shot_T)
    many_T = torch.where(is_uneven_T, log_uniform(MANY, drawn_4T[2]), n_shot_T)
    most_ways_T = (MOST_PLACES // many_T).clamp(min=spec.n_way[0])
    n_way_T = torch.where(is_uneven_T, n_way_T.minimum(most_ways_T), n_way_T)
    return UnevenSizes(n_way_T, few_T, many_T, (drawn_4T[3] < TAIL_SHARE).to(drawn_4T.dtype))


def shots_of_classes(
    sizes: UnevenSizes, n_way: int, generator: torch.Generator
) -> Int[Tensor, "T N"]:
    """Return shots: the most for the first class, and for others the fewest or log-uniform ones."""
    few_T1, many_T1, tail_T1 = (part[:, None] for part in sizes[1:])
    drawn_TN = uniform((len(few_T1), n_way), generator, few_T1.device) * tail_T1
    drawn_TN[:, :1] = 1
    return (few_T1 * (many_T1 / few_T1) ** drawn_TN).round().long()
