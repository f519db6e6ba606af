"""The frames of camera traps in the order in which they are asked about, series by series."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from metaadapter.apps.field.cameras import camera_folder
from metaadapter.apps.field.detections import Detections, FrameDetections
from metaadapter.data.capture_time import capture_time
from metaadapter.data.table import ImageRow
from metaadapter.features.encoding_loop import Progress

READERS = 8
TIMES_AT_ONCE = 256
# A camera that never rests would make one series of all it took, which memory could not hold.
MOST_IN_SERIES = 500


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a camera."""

    row: ImageRow
    said: FrameDetections | None = None
    """What a detector says of it; None without one, or where its file does not name the frame."""
    time: datetime | None = None
    series: str | None = None
    """The path of the first frame of its series; None where series were not asked for."""


def frames_of(
    rows: Sequence[ImageRow], detections: Detections | None, folders: Sequence[Path]
) -> list[Frame]:
    """The frames of pictures, with what a detector says of them."""
    if detections is None:
        return [Frame(row) for row in rows]
    found = [(row, detections.of(row.path, folders)) for row in rows]
    return [Frame(row, said, said.time if said else None) for row, said in found]


def read_times(frames: Iterable[Frame], progress: Callable[[Progress], None]) -> list[Frame]:
    """The frames with the time that their files tell, or else the detector's file."""
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


def in_series(frames: Iterable[Frame], seconds: float) -> list[list[Frame]]:
    """Group frames of each camera that follow one another within so many seconds.

    Cameras come in the order of their first frames, and the frames of each by time. One without a
    time is a series of its own, at the end of its camera; so is each further `MOST_IN_SERIES`.
    """
    cameras = defaultdict[Path, list[Frame]](list)
    for frame in frames:
        cameras[camera_folder(frame.row.path)].append(frame)
    gap, series = timedelta(seconds=seconds), list[list[Frame]]()
    for taken in cameras.values():
        before: datetime | None = None
        for frame in sorted(taken, key=_by_time):
            now = frame.time and frame.time.replace(tzinfo=None)
            goes_on = before is not None and now is not None and now - before <= gap
            if not goes_on or len(series[-1]) == MOST_IN_SERIES:
                series.append([])
            series[-1].append(replace(frame, series=_name(series[-1], frame)))
            before = now
    return series


def in_parts(groups: Iterable[Sequence[Frame]], n_at_once: int) -> Iterator[list[Frame]]:
    """Whole groups together, about so many frames at a time."""
    part: list[Frame] = []
    for group in groups:
        if part and len(part) + len(group) > n_at_once:
            yield part
            part = []
        part = [*part, *group]
    if part:
        yield part


def _by_time(frame: Frame) -> tuple[bool, datetime, str]:
    time = frame.time.replace(tzinfo=None) if frame.time else datetime.max
    return frame.time is None, time, str(frame.row.path)


def _name(series: Sequence[Frame], first: Frame) -> str:
    return series[0].series or "" if series else str(first.row.path)
