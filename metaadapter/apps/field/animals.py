"""Which boxes of a series show the same animal: those that continue one another."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from metaadapter.data.crop import Box

# A box continues another if their centres are at most this many mean diagonals apart.
REACH = 1.5


class Seen(NamedTuple):
    """A box in a frame of a series, or a whole frame."""

    series: str | None
    frame: int
    """The number of the frame; the frames of a series ascend in time."""
    box: Box | None


def number_animals(seen: Sequence[Seen]) -> list[int | None]:
    """Return the number of each box's animal in its series, from 1; `None` without a series.

    Frame by frame, the pair of an animal's last box and a free box of the frame that overlap most
    is joined first, then the pairs that do not overlap, the nearest first. Two boxes of a frame
    never show the same animal. Whole frames of a series are taken for one animal.
    """
    numbers: list[int | None] = [None] * len(seen)
    by_series = defaultdict[str, dict[int, list[int]]](lambda: defaultdict(list))
    for place, (series, frame, _) in enumerate(seen):
        if series is not None:
            by_series[series][frame].append(place)
    for frames in by_series.values():
        last: list[Box | None] = []  # the last box of each animal
        for _, places in sorted(frames.items()):
            joined = _join(last, [seen[place].box for place in places])
            for place, animal in zip(places, joined, strict=True):
                numbers[place] = animal + 1
                last[animal : animal + 1] = [seen[place].box]
    return numbers


def _join(last: Sequence[Box | None], boxes: Sequence[Box | None]) -> list[int]:
    """Return the place of each box's animal in `last`; new animals come after it."""
    pairs = sorted(
        (distance, animal, place)
        for animal, before in enumerate(last)
        for place, box in enumerate(boxes)
        if (distance := _distance(before, box)) is not None
    )
    animals = dict[int, int]()
    for _, animal, place in pairs:
        if place not in animals and animal not in animals.values():
            animals[place] = animal
    n_animals = len(last)
    for place in range(len(boxes)):
        if place not in animals:
            animals[place] = n_animals
            n_animals += 1
    return [animals[place] for place in range(len(boxes))]


def _distance(one: Box | None, other: Box | None) -> tuple[float, float] | None:
    """Minus the overlap (IoU), then the distance in mean diagonals; `None` beyond `REACH`."""
    if one is None or other is None:
        return (0.0, 0.0)
    apart = math.hypot(
        one.left + one.width / 2 - other.left - other.width / 2,
        one.top + one.height / 2 - other.top - other.height / 2,
    )
    diagonal = (math.hypot(one.width, one.height) + math.hypot(other.width, other.height)) / 2
    if apart > REACH * diagonal:
        return None
    width = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    height = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    common = max(width, 0.0) * max(height, 0.0)
    union = one.width * one.height + other.width * other.height - common
    return (-common / union if union else 0.0, apart / diagonal)  # 0 by underflow
