"""Events as Camtrap DP defines them: an event is a series of frames, or one frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from metaadapter.apps.field.frames import by_frame, shown_in
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
