"""The frames of camera traps: cameras, names, times, and what their boxes show."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from metaadapter.apps.field.species import is_nothing
from metaadapter.data.boxes.frame_detections import FrameDetections
from metaadapter.data.capture_time import capture_time
from metaadapter.data.table import ImageRow
from metaadapter.files.progress import tell
from metaadapter.files.table_file import csv_table
from metaadapter.files.url import as_place
from metaadapter.workflow.prediction.predictions import Prediction

# Folders on memory cards by the standard DCF (JEITA CP-3461): DCIM/100RECNX, DCIM/101RECNX …
CARD_FOLDER = re.compile(r"DCIM|[1-9]\d{2}[A-Z0-9_]{5}", re.IGNORECASE)
READERS = 8
TIMES_AT_ONCE = 256


def camera_folder(path: Path) -> Path:
    """The folder of a picture's camera: its nearest parent that is no folder of a memory card."""
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


def read_times(frames: Iterable[Frame]) -> list[Frame]:
    """Set each frame's time from the EXIF data of its file."""
    frames, timed = list(frames), list[Frame]()
    with ThreadPoolExecutor(READERS, thread_name_prefix="time") as executor:
        for start in range(0, len(frames), TIMES_AT_ONCE):
            some = frames[start : start + TIMES_AT_ONCE]
            times = executor.map(lambda frame: capture_time(frame.row.file), some)
            timed += [replace(frame, time=time) for frame, time in zip(some, times, strict=True)]
            tell("times", len(timed), len(frames))
    return timed


def in_parts(groups: Iterable[Sequence[Frame]], n_at_once: int) -> Iterator[list[Frame]]:
    """Yield parts of at most `n_at_once` frames, or one larger group; no group is divided."""
    part: list[Frame] = []
    for group in groups:
        if part and len(part) + len(group) > n_at_once:
            yield part
            part = []
        part = [*part, *group]
    if part:
        yield part


def by_frame(predictions: Iterable[Prediction]) -> Iterator[tuple[Path, list[Prediction]]]:
    """Yield the path of each frame with its predictions, which must be consecutive."""
    for path, of_frame in groupby(predictions, key=lambda prediction: prediction.path):
        yield as_place(path), list(of_frame)


def common_folder(rows: Sequence[ImageRow]) -> Path:
    """The innermost folder with all pictures, to which paths in a detector's file are relative."""
    parents = {row.path.absolute().parent for row in rows}
    try:
        return as_place(Path(os.path.commonpath(parents)))
    except ValueError:  # on two drives
        return Path()


def relative_name(path: Path, folder: Path) -> str:
    """The path of a frame relative to a folder, or absolute outside it, with forward slashes."""
    whole = path.absolute()
    if whole.is_relative_to(folder):
        return whole.relative_to(folder).as_posix()
    return whole.as_posix()


def camera_name(path: Path, folder: Path) -> str:
    """The folder of a picture's camera, relative to `folder`; that folder's own name in it."""
    return relative_name(camera_folder(path), folder).strip(".") or folder.name


def shown_in(of_frame: Sequence[Prediction]) -> list[Prediction]:
    """The predictions of animals, people and vehicles; without any, the surest one of nothing."""
    shown = [prediction for prediction in of_frame if not is_nothing(prediction.label)]
    return shown or [max(of_frame, key=sureness)._replace(box=None)]


def sureness(prediction: Prediction) -> float:
    """The probability of the label times the confidence in its box; the latter alone by a detector.

    Both must hold for the answer to be right, and they come from two programs.
    """
    if prediction.confidence is None or not prediction.probabilities:
        return prediction.probability
    return prediction.probability * prediction.confidence


def event_of(of_frame: Sequence[Prediction]) -> str:
    """The name of a frame's event: the series of the frame, or the frame's own path."""
    return of_frame[0].series or of_frame[0].path


def clock(time: datetime) -> datetime:
    """The time without its zone, because times with and without a zone cannot be compared."""
    return time.replace(tzinfo=None)


class SpeciesCount(NamedTuple):
    """How often a label was seen at a camera."""

    label: str
    camera: str
    """The folder of the camera."""
    individuals: int
    """The largest number in one frame of a series, summed over all series; at least so many."""
    pictures: int
    """Frames with the label; for an empty frame there are no individuals."""


def species_counts(predictions: Iterable[Prediction], folder: Path) -> list[SpeciesCount]:
    """Count labels by camera, sorted by both; names of cameras are relative to `folder`.

    A frame without a series counts as a series of its own.
    """
    pictures, largest = Counter[tuple[str, str]](), Counter[tuple[str, str, str]]()
    for path, of_frame in by_frame(predictions):
        camera, event = camera_name(path, folder), event_of(of_frame)
        for label, n in Counter(prediction.label for prediction in shown_in(of_frame)).items():
            pictures[label, camera] += 1
            largest[label, camera, event] = max(largest[label, camera, event], n)
    individuals = Counter[tuple[str, str]]()
    for (label, camera, _), n in largest.items():
        individuals[label, camera] += 0 if is_nothing(label) else n
    return [
        SpeciesCount(label, camera, individuals[label, camera], n)
        for (label, camera), n in sorted(pictures.items())
    ]


def counts_table(counts: Iterable[SpeciesCount]) -> bytes:
    """The counts as a CSV file."""
    return csv_table(("species", "camera", "individuals", "pictures"), counts)
