"""Series: frames that a camera took shortly after one another, and the animals in them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

from metaadapter.apps.field.frames import Frame, camera_folder
from metaadapter.apps.field.species import is_nothing
from metaadapter.data.crop import Box
from metaadapter.workflow.prediction.predictions import Probabilities

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


# Without a limit, all frames of a camera that never rests would be one series, too large to hold.
MOST_IN_SERIES = 500


def in_series(frames: Iterable[Frame], seconds: float) -> list[list[Frame]]:
    """Group the frames of each camera into series, with at most `seconds` between two frames.

    Cameras keep the order of their first frames; the frames of a camera are sorted by time. A frame
    without a time is a series of its own, after the others. `MOST_IN_SERIES` limits the length.
    """
    cameras = defaultdict[Path, list[Frame]](list)
    for frame in frames:
        cameras[camera_folder(frame.row.path)].append(frame)
    gap, series = timedelta(seconds=seconds), list[list[Frame]]()
    for camera_frames in cameras.values():
        before: datetime | None = None
        for frame in sorted(camera_frames, key=_by_time):
            now = frame.time and frame.time.replace(tzinfo=None)
            follows = before is not None and now is not None and now - before <= gap
            if not follows or len(series[-1]) == MOST_IN_SERIES:
                series.append([])
            name = series[-1][0].series if series[-1] else str(frame.row.path)
            series[-1].append(replace(frame, series=name))
            before = now
    return series


def mean_in_series(
    probabilities: Probabilities,
    animals: Sequence[Hashable | None],
    classes: Sequence[str],
    weights: Sequence[float],
) -> Probabilities:
    """Give all boxes of an animal in a series the weighted mean of their probabilities.

    `animals` names the animal of each row; a row of `None` keeps its probabilities. `weights` are
    the detector's confidences, because an unsure box often shows a branch.
    Rows that most probably show nothing keep their own probabilities and do not count in the mean,
    because a camera continues when the animal has left.
    """
    rows_NC = probabilities.classes_NC.copy()
    known_N = None if probabilities.known_N is None else probabilities.known_N.copy()
    shows_nothing_C = np.array([is_nothing(label) for label in classes])
    members = defaultdict[Hashable, list[int]](list)
    for number, animal in enumerate(animals):
        if animal is not None and not shows_nothing_C[rows_NC[number].argmax()]:
            members[animal].append(number)
    for numbers in members.values():
        shares = [max(weights[number], 1e-6) for number in numbers]
        rows_NC[numbers] = np.average(rows_NC[numbers], axis=0, weights=shares)
        if known_N is not None:
            known_N[numbers] = np.average(known_N[numbers], weights=shares)
    return Probabilities(rows_NC, known_N)


def _by_time(frame: Frame) -> tuple[bool, datetime, str]:
    time = frame.time.replace(tzinfo=None) if frame.time else datetime.max
    return frame.time is None, time, str(frame.row.path)
