"""Answers as a Camera Trap Data Package, Camtrap DP 1.0.2 (https://camtrap-dp.tdwg.org)."""

from __future__ import annotations

import csv
import io
import mimetypes
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from metaadapter.field.answered_frames import by_frame, relative_name
from metaadapter.field.cameras import camera_folder
from metaadapter.field.camtrap_metadata import (
    DEPLOYMENTS_FILE,
    METADATA_FILE,
    read_deployments,
    read_metadata,
)
from metaadapter.field.species import is_nothing
from metaadapter.files.atomic_files import replace_file
from metaadapter.files.strict_json import json_text
from metaadapter.task.predictions import UNKNOWN, Prediction

__all__ = ["CamtrapPackage"]

DEPLOYMENT_COLUMNS = (
    *("deploymentID", "locationName", "latitude", "longitude"),
    *("deploymentStart", "deploymentEnd", "timestampIssues"),
)
MEDIA_COLUMNS = (
    *("mediaID", "deploymentID", "captureMethod", "timestamp"),
    *("filePath", "filePublic", "fileName", "fileMediatype"),
)
OBSERVATION_COLUMNS = (
    *("observationID", "deploymentID", "mediaID", "eventID", "eventStart", "eventEnd"),
    *("observationLevel", "observationType", "scientificName", "count"),
    *("bboxX", "bboxY", "bboxWidth", "bboxHeight", "classificationMethod", "classifiedBy"),
    *("classificationTimestamp", "classificationProbability"),
)
PEOPLE, VEHICLES = frozenset({"person", "human"}), frozenset({"vehicle", "car"})


@dataclass(slots=True)
class _Event:
    """A series of frames, or one frame that is none of a series."""

    camera: str
    start: datetime
    end: datetime
    counts: Counter[str] = field(default_factory=Counter)
    """Label → the most boxes, or frames as a whole, of one frame."""
    surest: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CamtrapPackage:
    """A package in a folder, which may be there already.

    What people have written into its datapackage.json (project, contributors, scientific names) and
    deployments.csv (coordinates) stays; the rest is written anew.

    Attributes:
        out: The folder of the package.
        classifier: The name of the adapter.
        folder: Where the names of frames begin.
    """

    out: Path
    classifier: str
    folder: Path

    def require_readable(self) -> None:
        """Check what is there already, before hours of work; errors are those of its readers."""
        read_metadata(self.out)
        read_deployments(self.out)

    def write(self, predictions: Callable[[], Iterable[Prediction]]) -> list[str]:
        """Write the package, frame by frame.

        Returns:
            What the standard asks for and is missing, as sentences for people.
        """
        known, metadata = read_deployments(self.out), read_metadata(self.out)
        events, n_without_time = self._events(predictions())
        cameras = self._deployments(events, known)
        placed = [row for row in cameras.values() if row["latitude"] and row["longitude"]]
        labels = sorted({label for event in events.values() for label in event.counts})
        times = [time for event in events.values() for time in (event.start, event.end)]
        document = metadata.completed(
            self.folder.name or "camera traps",
            [label for label in labels if _type_of(label) == "animal"],
            (min(times, key=_clock), max(times, key=_clock)) if times else None,
            [(float(row["latitude"]), float(row["longitude"])) for row in placed],
            ["media", "event"],
        )
        self.out.mkdir(parents=True, exist_ok=True)
        columns = dict.fromkeys(
            (*DEPLOYMENT_COLUMNS, *(key for row in known.values() for key in row))
        )
        rows = ([row.get(column, "") for column in columns] for row in cameras.values())
        self._table(DEPLOYMENTS_FILE, [*columns], rows)
        self._table("media.csv", MEDIA_COLUMNS, self._media(predictions()))
        name = metadata.scientific_name
        observed = self._observations(predictions(), events, name)
        self._table("observations.csv", OBSERVATION_COLUMNS, observed)
        replace_file(self.out / METADATA_FILE, json_text(document, indent=2) + "\n")
        missing = []
        if bare := [camera for camera, row in cameras.items() if row not in placed]:
            missing.append(
                f"{len(bare)} camera(s) have no latitude and longitude, which the standard asks "
                f"for: fill them in in {self.out / DEPLOYMENTS_FILE}, where they stay ("
                f"{', '.join(bare[:3])}{', …' if len(bare) > 3 else ''})"
            )
        if n_without_time:
            missing.append(
                f"{n_without_time} frame(s) do not tell when they were taken, which the standard "
                "asks for: they are not in the package"
            )
        return missing

    def _events(self, predictions: Iterable[Prediction]) -> tuple[dict[str, _Event], int]:
        events: dict[str, _Event] = {}
        n_without_time = 0
        for path, answers in by_frame(predictions):
            if answers[0].time is None:
                n_without_time += 1
                continue
            time = datetime.fromisoformat(answers[0].time)
            camera = self._camera(path)
            event = events.setdefault(_event_of(answers), _Event(camera, time, time))
            event.start = min(event.start, time, key=_clock)
            event.end = max(event.end, time, key=_clock)
            for label, count in Counter(each.label for each in answers).items():
                event.counts[label] = max(event.counts[label], count)
            for each in answers:
                most = max(event.surest.get(each.label, 0.0), each.probability)
                event.surest[each.label] = most
        return events, n_without_time

    def _deployments(
        self, events: dict[str, _Event], known: dict[str, dict[str, str]]
    ) -> dict[str, dict[str, str]]:
        cameras: dict[str, list[datetime]] = {}
        for event in events.values():
            cameras.setdefault(event.camera, []).extend((event.start, event.end))
        return {
            camera: {
                "deploymentID": camera,
                "locationName": camera,
                "latitude": "",
                "longitude": "",
                "deploymentStart": _stamp(min(times, key=_clock)),
                "deploymentEnd": _stamp(max(times, key=_clock)),
                "timestampIssues": _truth(any(time.tzinfo is None for time in times)),
                **known.get(camera, {}),
            }
            for camera, times in cameras.items()
        }

    def _media(self, predictions: Iterable[Prediction]) -> Iterator[Sequence[object]]:
        for path, answers in by_frame(predictions):
            if (time := answers[0].time) is not None:
                name = relative_name(path, self.folder)
                kind = mimetypes.guess_type(path.name)[0] or "image/jpeg"
                stamp = _stamp(datetime.fromisoformat(time))
                camera = self._camera(path)
                yield (name, camera, "activityDetection", stamp, name, "false", path.name, kind)

    def _observations(
        self,
        predictions: Iterable[Prediction],
        events: dict[str, _Event],
        scientific_name: Callable[[str], str],
    ) -> Iterator[Sequence[object]]:
        now = _stamp(datetime.now(UTC))

        def taxon(label: str) -> str:
            return scientific_name(label) if _type_of(label) == "animal" else ""

        for path, answers in by_frame(predictions):
            if answers[0].time is None:
                continue
            name, event_id = relative_name(path, self.folder), _event_of(answers)
            stamp = _stamp(datetime.fromisoformat(answers[0].time))
            event = relative_name(Path(event_id), self.folder)
            for number, each in enumerate(answers, start=1):
                box = ("",) * 4 if each.box is None else _within(each.box)
                yield (
                    *(f"{name}#{number}", self._camera(path), name, event, stamp, stamp, "media"),
                    *(_type_of(each.label), taxon(each.label), "" if each.box is None else 1),
                    *(*box, "machine", self.classifier, now, round(each.probability, 5)),
                )
        for event_id, found in events.items():
            event = relative_name(Path(event_id), self.folder)
            labels = [label for label in found.counts if not is_nothing(label)] or [*found.counts]
            for number, label in enumerate(labels, start=1):
                count = "" if is_nothing(label) else found.counts[label]
                yield (
                    *(f"{event}#event{number}", found.camera, "", event),
                    *(_stamp(found.start), _stamp(found.end), "event"),
                    *(_type_of(label), taxon(label), count, *("",) * 4),
                    *("machine", self.classifier, now, round(found.surest[label], 5)),
                )

    def _camera(self, path: Path) -> str:
        return relative_name(camera_folder(path), self.folder).strip(".") or self.folder.name

    def _table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        replace_file(self.out / name, lambda opened: _write(opened, columns, rows))


def _write(opened: IO[bytes], columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    text = io.TextIOWrapper(opened, encoding="utf-8", errors="surrogateescape", newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    table.writerows(rows)
    text.flush()
    text.detach()


def _event_of(answers: Sequence[Prediction]) -> str:
    return answers[0].series or answers[0].path


def _type_of(label: str) -> str:
    """The observation type of the standard."""
    word = label.casefold()
    if is_nothing(label):
        return "blank"
    if word in PEOPLE:
        return "human"
    if word in VEHICLES:
        return "vehicle"
    return "unknown" if word == UNKNOWN else "animal"


def _within(box: Sequence[float]) -> tuple[float, ...]:
    return tuple(min(max(side, 0.0), 1.0) for side in box)


def _clock(time: datetime) -> datetime:
    """The clock of the camera: times with and without a zone cannot be compared."""
    return time.replace(tzinfo=None)


def _stamp(time: datetime) -> str:
    """ISO 8601 with a zone; `timestampIssues` of the camera tells where it is not known."""
    return time.isoformat() if time.utcoffset() else time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _truth(value: bool) -> str:
    return "true" if value else "false"
