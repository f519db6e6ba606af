"""Events as Camtrap DP defines them, a series of frames or one frame; the species in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from metaadapter.apps.field.frames import by_frame, camera_name, shown_in
from metaadapter.apps.field.species import is_nothing
from metaadapter.data.table_file import csv_table
from metaadapter.workflow.predictions import Prediction


@dataclass(slots=True)
class Event:
    """The observations in a series of frames, or in a frame without a series."""

    first: Path
    """The path of one of its frames."""
    start: datetime
    end: datetime
    counts: Counter[str] = field(default_factory=Counter)
    """Label → its largest count in one frame; the event shows at least this many animals."""
    surest: dict[str, Prediction] = field(default_factory=dict)
    """Label → its most probable prediction."""


def events_of(predictions: Iterable[Prediction]) -> tuple[dict[str, Event], int]:
    """Return name → event, and the number of frames without a time, which belong to no event."""
    events: dict[str, Event] = {}
    n_without_time = 0
    for path, of_frame in by_frame(predictions):
        if of_frame[0].time is None:
            n_without_time += 1
            continue
        time = datetime.fromisoformat(of_frame[0].time)
        event = events.setdefault(event_of(of_frame), Event(path, time, time))
        event.start = min(event.start, time, key=clock)
        event.end = max(event.end, time, key=clock)
        shown = shown_in(of_frame)
        event.counts |= Counter(prediction.label for prediction in shown)
        for prediction in shown:
            before = event.surest.get(prediction.label, prediction)
            event.surest[prediction.label] = max(before, prediction, key=_probability)
    return events, n_without_time


def event_of(of_frame: Sequence[Prediction]) -> str:
    """The name of a frame's event: the series of the frame, or the frame's own path."""
    return of_frame[0].series or of_frame[0].path


def _probability(prediction: Prediction) -> float:
    return prediction.probability


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
