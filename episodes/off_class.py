"""Pictures of classes that are not in the task."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor
from torch.nn.functional import pad

from episodes.distinct import draw_distinct

__all__ = ["draw_off_class"]

# T tasks, N ways, C classes, O pictures. X: 0 … N classes passed.


def draw_off_class(
    classes_TN: Int[Tensor, "T N"],
    starts_C: Int[Tensor, " C"],
    counts_C: Int[Tensor, " C"],
    n_pictures: int,
    generator: torch.Generator,
) -> Int[Tensor, "T O"]:
    """Draw distinct pictures, all those outside the task's classes equally likely.

    Args:
        classes_TN: Classes of each task, −1 filling up.
        starts_C: Where each class begins in a list sorted by class.
        counts_C: Pictures of each class.
        n_pictures: How many to draw; fewer where fewer are left.
        generator: Source of randomness.

    Returns:
        Positions in the sorted list, −1 filling up.
    """
    classes_TN = classes_TN.sort(1).values
    is_padding_TN = classes_TN < 0
    counts_TN = counts_C[classes_TN].masked_fill(is_padding_TN, 0)
    n_before_TN = counts_TN.cumsum(1) - counts_TN
    n_left_T = counts_C.sum() - counts_TN.sum(1)
    picks_TO = draw_distinct(n_left_T, n_left_T.clamp(max=n_pictures), generator)
    # The picks count along the list without the task's classes: step over each class that
    # begins, in that shorter list, at or before the pick.
    gaps_TN = (starts_C[classes_TN] - n_before_TN).masked_fill(is_padding_TN, 0)
    n_passed_TO = torch.searchsorted(gaps_TN, picks_TO, right=True)
    steps_TX = pad(counts_TN.cumsum(1), (1, 0))
    return torch.where(picks_TO < 0, -1, picks_TO + steps_TX.gather(1, n_passed_TO))
