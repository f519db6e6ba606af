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


def by_event(
    predictions: Iterable[Prediction],
) -> Iterator[tuple[str, list[tuple[Path, list[Prediction]]]]]:
    """Yield the name and frames of each event, a series or a frame alone; they are consecutive."""
    for path, frames in groupby(by_frame(predictions), key=lambda frame: _event_of(frame[1])):
        yield path, list(frames)


def _event_of(of_frame: Sequence[Prediction]) -> str:
    return of_frame[0].series or of_frame[0].path


def most_in_frame(frames: Iterable[tuple[Path, Sequence[Prediction]]]) -> Counter[str]:
    """Label → its largest number in one frame; an event has at least so many individuals.

    The numbers of animals in a series would count one that runs again in each frame. Labels of
    nothing are left out.
    """
    most = Counter[str]()
    for _, of_frame in frames:
        most |= Counter(one.label for one in of_frame if not is_nothing(one.label))
    return most


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
    pictures, individuals = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for _, frames in by_event(predictions):
        camera = camera_name(frames[0][0], folder)
        for _, of_frame in frames:
            pictures.update({(one.label, camera) for one in shown_in(of_frame)})
        for label, n in most_in_frame(frames).items():
            individuals[label, camera] += n
    return [
        SpeciesCount(label, camera, individuals[label, camera], n)
        for (label, camera), n in sorted(pictures.items())
    ]


def counts_table(counts: Iterable[SpeciesCount]) -> bytes:
    """The counts as a CSV file."""
    return csv_table(("species", "camera", "individuals", "pictures"), counts)
