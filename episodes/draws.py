"""Draws random numbers, classes and pictures for many tasks at once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

# T tasks, N ways, C classes, P picks, O pictures of other classes. H: the hard tasks among T.

POOL = 2
"""A hard task of N ways draws its classes from this number × N neighbours of a seed class."""


def uniform(
    shape: tuple[int, ...], generator: torch.Generator, device: torch.device
) -> Float[Tensor, ...]:
    """Draw float64 numbers in [0, 1) on the generator's device; all devices get the same ones."""
    drawn = torch.rand(shape, generator=generator, device=generator.device, dtype=torch.float64)
    return drawn.to(device)


def log_uniform(ends: tuple[int, int], uniform_T: Float[Tensor, " T"]) -> Int[Tensor, " T"]:
    """Return whole numbers in `ends` for uniform ones; k has a probability ∝ ln((k + 1) / k)."""
    low, high = ends
    drawn = (low * torch.exp(uniform_T * math.log((high + 1) / low))).long()
    return drawn.clamp(low, high)


def draw_distinct(
    counts: Int[Tensor, "*cells"], n_picks: Int[Tensor, "*cells"], generator: torch.Generator
) -> Int[Tensor, "*cells P"]:
    """Draw `n_picks` distinct numbers from 0 … counts − 1 in each cell, in random order.

    This is Floyd's algorithm, with each step done for all cells at once. Time and memory depend on
    `n_picks`, which is at most `counts`. Cells with fewer picks than others are padded with −1.
    """
    width = int(n_picks.max()) if n_picks.numel() else 0
    shape, device = tuple(counts.shape), counts.device
    steps = torch.arange(width, device=device).reshape(width, *([1] * len(shape)))
    is_padding = steps >= n_picks
    last = (counts - n_picks + steps).masked_fill_(is_padding, -1)
    # One random number per pick: its whole part is the proposal, and its fraction is uniform, too.
    drawn = uniform((width, *shape), generator, device).mul_(last + 1)
    proposed = drawn.long().minimum(last)
    position = torch.where(is_padding, steps, drawn.frac_().mul_(steps + 1).long())
    picks = torch.empty_like(last)
    for step in range(width):
        # Uniform among 0 … last, or `last` if that number is taken: by Floyd's proof every subset
        # is equally likely.
        is_taken = (picks[:step] == proposed[step]).any(0, keepdim=True)
        pick = torch.where(is_taken, last[step], proposed[step])
        # A swap with a random earlier position makes every order equally likely.
        at = position[step : step + 1]
        picks[step] = picks.gather(0, at)[0]
        picks.scatter_(0, at, pick)
    return picks.movedim(0, -1).contiguous()


def draw_classes(
    eligible_TC: Bool[Tensor, "T C"],
    n_way_T: Int[Tensor, " T"],
    generator: torch.Generator,
    similarity_CC: Float[Tensor, "C C"] | None = None,
    is_hard_T: Bool[Tensor, " T"] | None = None,
) -> Int[Tensor, "T N"]:
    """Draw `n_way_T` eligible classes, or all if there are fewer, in random order; −1 is padding.

    A hard task has a random class and some of its neighbours by `similarity_CC`.
    """
    n_way_T = torch.minimum(n_way_T, eligible_TC.sum(1))
    keys_TC = uniform(eligible_TC.shape, generator, eligible_TC.device)
    keys_TC.masked_fill_(~eligible_TC, -1.0)
    if similarity_CC is not None and is_hard_T is not None:
        keys_HC = _prefer_neighbours(keys_TC[is_hard_T], similarity_CC, n_way_T[is_hard_T])
        keys_TC[is_hard_T] = keys_HC
    classes_TN = keys_TC.topk(int(n_way_T.max()), dim=1).indices
    is_there_TN = torch.arange(classes_TN.shape[1], device=n_way_T.device) < n_way_T[:, None]
    if is_hard_T is not None:
        # The seed class came first, but the position of a class must carry no information.
        order_TN = uniform(classes_TN.shape, generator, n_way_T.device)
        classes_TN = classes_TN.gather(1, order_TN.masked_fill_(~is_there_TN, 2.0).argsort(1))
    return classes_TN.masked_fill(~is_there_TN, -1)


def draw_off_class(
    classes_TN: Int[Tensor, "T N"],
    counts_C: Int[Tensor, " C"],
    n_pictures: int,
    generator: torch.Generator,
) -> Int[Tensor, "T O"]:
    """Draw distinct pictures outside a task's classes, or all if there are fewer; −1 is padding.

    A picture is returned as its position in a list of all pictures sorted by class.
    """
    classes_TN = classes_TN.sort(1).values
    is_padding_TN = classes_TN < 0
    counts_TN = counts_C[classes_TN].masked_fill(is_padding_TN, 0)
    ends_TN, starts_C = counts_TN.cumsum(1), counts_C.cumsum(0) - counts_C
    n_left_T = counts_C.sum() - counts_TN.sum(1)
    picks_TO = draw_distinct(n_left_T, n_left_T.clamp(max=n_pictures), generator)
    # The picks count along the list without the task's classes: step over each class that
    # begins, in that shorter list, at or before the pick.
    gaps_TN = (starts_C[classes_TN] - ends_TN + counts_TN).masked_fill(is_padding_TN, 0)
    n_passed_TO = torch.searchsorted(gaps_TN, picks_TO, right=True)
    steps_TO = pad(ends_TN, (1, 0)).gather(1, n_passed_TO)
    return torch.where(picks_TO < 0, -1, picks_TO + steps_TO)


def _prefer_neighbours(
    keys_HC: Float[Tensor, "H C"], similarity_CC: Float[Tensor, "C C"], n_way_H: Int[Tensor, " H"]
) -> Float[Tensor, "H C"]:
    """Return keys that are highest for the seed class, then for its neighbours, then for others."""
    seed_H1 = keys_HC.argmax(1, keepdim=True)
    near_HC = similarity_CC[seed_H1[:, 0]].masked_fill(keys_HC < 0, -torch.inf)
    near_HC = near_HC.scatter(1, seed_H1, torch.inf)
    rank_HC = near_HC.argsort(1, descending=True).argsort(1)
    is_near_HC = (rank_HC <= POOL * n_way_H[:, None]) & (keys_HC >= 0)
    return (keys_HC + is_near_HC).scatter(1, seed_H1, 3.0)


@dataclass(frozen=True, slots=True)
class TaskDraw:
    """Draws (T, 1, 1) random numbers for T tasks, with the type and device of the texts."""

    generator: torch.Generator
    text_TND: Tensor

    def chosen(self, fraction: float) -> Tensor:
        """Return 1 for tasks with a change, drawn with this probability, and 0 for others."""
        return (self.uniform(1.0) < fraction).to(self.text_TND.dtype)

    def uniform(self, high: float) -> Tensor:
        """Return uniform numbers from 0 to `high`."""
        shape = (len(self.text_TND), 1, 1)
        drawn_T11 = high * uniform(shape, self.generator, self.text_TND.device)
        return drawn_T11.to(self.text_TND.dtype)

    def uniform_TN1(self) -> Tensor:
        """Return a number from 0 to 1 for each class."""
        return uniform((*self.text_TND.shape[:2], 1), self.generator, self.text_TND.device)

    def level(self, fraction: float, most: float) -> Tensor:
        """Return the strength of a change: up to `most` in tasks with the change, 0 in others."""
        return self.chosen(fraction) * self.uniform(most)

    def normal(self, *shape: int) -> Tensor:
        """Return standard normal numbers."""
        numbers = torch.randn(shape, generator=self.generator, device=self.generator.device)
        return numbers.to(self.text_TND)

    def normal_T1D(self) -> Tensor:
        """Return one random vector for each task."""
        return self.normal(len(self.text_TND), 1, self.text_TND.shape[-1])
