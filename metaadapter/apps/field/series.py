"""Series: frames that a camera took shortly after one another, with one prediction an animal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from metaadapter.apps.field.frames import Frame, camera_folder
from metaadapter.apps.field.species import is_nothing
from metaadapter.workflow.predictions import Probabilities

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
    weights: Sequence[float] | None = None,
) -> Probabilities:
    """Give all boxes of an animal in a series the weighted mean of their probabilities.

    `animals` names the animal of each row; a row of `None` keeps its probabilities. `weights` are
    the detector's confidences (equal without them), because an unsure box often shows a branch.
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
        shares = None if weights is None else [max(weights[number], 1e-6) for number in numbers]
        rows_NC[numbers] = np.average(rows_NC[numbers], axis=0, weights=shares)
        if known_N is not None:
            known_N[numbers] = np.average(known_N[numbers], weights=shares)
    return Probabilities(rows_NC, known_N)


def _by_time(frame: Frame) -> tuple[bool, datetime, str]:
    time = frame.time.replace(tzinfo=None) if frame.time else datetime.max
    return frame.time is None, time, str(frame.row.path)
