"""The frames of camera traps: cameras, names, times and series."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

import numpy as np

from metaadapter.apps.field.detections import FrameDetections
from metaadapter.apps.field.species import is_nothing
from metaadapter.data.capture_time import capture_time
from metaadapter.data.table import ImageRow
from metaadapter.features.encoding_loop import Progress
from metaadapter.workflow.predictions import Prediction, Probabilities

# Folders on memory cards by the standard DCF (JEITA CP-3461): DCIM/100RECNX, DCIM/101RECNX …
CARD_FOLDER = re.compile(r"DCIM|[1-9]\d{2}[A-Z0-9_]{5}", re.IGNORECASE)
READERS = 8
TIMES_AT_ONCE = 256
# A camera that never rests would make one series of all its frames, which memory could not hold.
MOST_IN_SERIES = 500


def camera_folder(path: Path) -> Path:
    """The folder of the camera: that of the picture, above the folders of the memory card."""
    folder = path.parent
    while CARD_FOLDER.fullmatch(folder.name) and folder.parent != folder:
        folder = folder.parent
    return folder


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a camera."""

    row: ImageRow
    detections: FrameDetections | None = None
    """The detections in it; `None` without a detector, or if its file does not list the frame."""
    time: datetime | None = None
    series: str | None = None
    """The path of the first frame of its series; `None` if no series are formed."""


def read_times(frames: Iterable[Frame], progress: Callable[[Progress], None]) -> list[Frame]:
    """The frames with the time in their files, or else in the detector's file."""
    frames, timed = list(frames), list[Frame]()
    with ThreadPoolExecutor(READERS, thread_name_prefix="time") as executor:
        for start in range(0, len(frames), TIMES_AT_ONCE):
            some = frames[start : start + TIMES_AT_ONCE]
            times = executor.map(lambda frame: capture_time(frame.row.path), some)
            timed += [
                replace(frame, time=time or frame.time)
                for frame, time in zip(some, times, strict=True)
            ]
            progress(Progress("times", len(timed), len(frames), 0.0))
    return timed


def in_parts(groups: Iterable[Sequence[Frame]], n_at_once: int) -> Iterator[list[Frame]]:
    """Join whole groups to parts of about `n_at_once` frames."""
    part: list[Frame] = []
    for group in groups:
        if part and len(part) + len(group) > n_at_once:
            yield part
            part = []
        part = [*part, *group]
    if part:
        yield part


def by_frame(predictions: Iterable[Prediction]) -> Iterator[tuple[Path, list[Prediction]]]:
    """Each frame with its predictions, which follow one another."""
    for path, of_frame in groupby(predictions, key=lambda prediction: prediction.path):
        yield Path(path), list(of_frame)


def common_folder(rows: Sequence[ImageRow]) -> Path:
    """The innermost folder that contains all pictures: paths in a detector's file begin there."""
    parents = {row.path.absolute().parent for row in rows}
    try:
        return Path(os.path.commonpath(parents))
    except ValueError:  # on two drives
        return Path()


def relative_name(path: Path, folder: Path) -> str:
    """The path of a frame from a folder, with forward slashes; else its absolute path."""
    whole = path.absolute()
    if whole.is_relative_to(folder):
        return whole.relative_to(folder).as_posix()
    return whole.as_posix()


def in_series(frames: Iterable[Frame], seconds: float) -> list[list[Frame]]:
    """Group the frames of each camera that follow one another within so many seconds.

    Cameras come in the order of their first frames, and the frames of each by time. A frame without
    a time is a series of its own, at the end of its camera. A series ends at `MOST_IN_SERIES`.
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
    probabilities: Probabilities, series: Sequence[str | None], classes: Sequence[str]
) -> Probabilities:
    """Give all frames of a named series the mean of their probabilities.

    A series is assumed to show one species. Frames that most probably show nothing keep their own
    probabilities and do not count in the mean, for an animal comes and goes while the camera goes
    on.
    """
    rows_NC = probabilities.classes_NC.copy()
    known_N = None if probabilities.known_N is None else probabilities.known_N.copy()
    shows_nothing_C = np.array([is_nothing(label) for label in classes])
    members = defaultdict[str, list[int]](list)
    for number, name in enumerate(series):
        if name is not None and not shows_nothing_C[rows_NC[number].argmax()]:
            members[name].append(number)
    for numbers in members.values():
        rows_NC[numbers] = rows_NC[numbers].mean(0)
        if known_N is not None:
            known_N[numbers] = known_N[numbers].mean()
    return Probabilities(rows_NC, known_N)


def _by_time(frame: Frame) -> tuple[bool, datetime, str]:
    time = frame.time.replace(tzinfo=None) if frame.time else datetime.max
    return frame.time is None, time, str(frame.row.path)
