"""Events of Camtrap DP: the series of frames that answers were given for, or single frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from metaadapter.apps.field.answered_frames import by_frame
from metaadapter.workflow.predictions import Prediction


@dataclass(slots=True)
class Event:
    """What is seen in a series of frames, or in one frame that is of none."""

    first: Path
    """One of its frames."""
    start: datetime
    end: datetime
    counts: Counter[str] = field(default_factory=Counter)
    """Label → how often it is seen in one frame at most, which is the fewest animals there are."""
    surest: dict[str, float] = field(default_factory=dict)
    """Label → its largest probability."""


def events_of(predictions: Iterable[Prediction]) -> tuple[dict[str, Event], int]:
    """Name → event, and how many frames have no time and so are in none."""
    events: dict[str, Event] = {}
    n_without_time = 0
    for path, answers in by_frame(predictions):
        if answers[0].time is None:
            n_without_time += 1
            continue
        time = datetime.fromisoformat(answers[0].time)
        event = events.setdefault(event_of(answers), Event(path, time, time))
        event.start = min(event.start, time, key=clock)
        event.end = max(event.end, time, key=clock)
        event.counts |= Counter(each.label for each in answers)
        for each in answers:
            most = max(event.surest.get(each.label, 0.0), each.probability)
            event.surest[each.label] = most
    return events, n_without_time


def event_of(answers: Sequence[Prediction]) -> str:
    """The name of the event that a frame belongs to."""
    return answers[0].series or answers[0].path


def clock(time: datetime) -> datetime:
    """The clock of the camera: times with and without a zone cannot be compared."""
    return time.replace(tzinfo=None)
