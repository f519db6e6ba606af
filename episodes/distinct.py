"""Distinct numbers below a bound, for many bounds at once."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from episodes.uniform import uniform

__all__ = ["draw_distinct"]


def draw_distinct(
    counts: Int[Tensor, "*cells"], n_picks: Int[Tensor, "*cells"], generator: torch.Generator
) -> Int[Tensor, "*cells P"]:
    """Draw `n_picks` distinct numbers of 0 … counts − 1 in each cell, in uniformly random order.

    Floyd's algorithm, one step of all cells after the other: time and memory depend on the number
    of picks and not on the counts.

    Args:
        counts: How many numbers there are.
        n_picks: How many to draw, at most `counts`.
        generator: Source of randomness.

    Returns:
        The picks; P is the largest of `n_picks`, and −1 fills up where a cell has fewer.
    """
    width = int(n_picks.max()) if n_picks.numel() else 0
    shape, device = tuple(counts.shape), counts.device
    steps = torch.arange(width, device=device).reshape(width, *([1] * len(shape)))
    is_padding = steps >= n_picks
    last = (counts - n_picks + steps).masked_fill_(is_padding, -1)
    # One random number a pick: its whole part proposes it, and what is left is uniform again.
    drawn = uniform((width, *shape), generator, device).mul_(last + 1)
    proposed = drawn.long().minimum(last)
    place = torch.where(is_padding, steps, drawn.frac_().mul_(steps + 1).long())
    picks = torch.empty_like(last)
    for step in range(width):
        # Uniform among 0 … last, or `last` itself where that number is taken already: Floyd shows
        # that every subset is then equally likely.
        is_taken = (picks[:step] == proposed[step]).any(0, keepdim=True)
        pick = torch.where(is_taken, last[step], proposed[step])
        # It goes to a random place, and what was there to the end: every order is equally likely.
        at = place[step : step + 1]
        picks[step] = picks.gather(0, at)[0]
        picks.scatter_(0, at, pick)
    return picks.movedim(0, -1).contiguous()
