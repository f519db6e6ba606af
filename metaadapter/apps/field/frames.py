"""The frames of camera traps, with their detections and times."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from metaadapter.apps.field.detections import Detections, FrameDetections
from metaadapter.data.capture_time import capture_time
from metaadapter.data.table import ImageRow
from metaadapter.features.encoding_loop import Progress

READERS = 8
TIMES_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a camera."""

    row: ImageRow
    detections: FrameDetections | None = None
    """The detections in it; `None` without a detector, or if its file does not list the frame."""
    time: datetime | None = None
    series: str | None = None
    """The path of the first frame of its series; `None` if no series are formed."""


def frames_of(
    rows: Sequence[ImageRow], detections: Detections | None, folders: Sequence[Path]
) -> list[Frame]:
    """The frames of pictures, with the detections in them."""
    if detections is None:
        return [Frame(row) for row in rows]
    detected = [(row, detections.of(row.path, folders)) for row in rows]
    return [Frame(row, boxes, boxes.time if boxes else None) for row, boxes in detected]


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
