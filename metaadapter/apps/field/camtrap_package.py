"""Predictions as a Camera Trap Data Package, Camtrap DP 1.0.2 (https://camtrap-dp.tdwg.org)."""

from __future__ import annotations

import csv
import mimetypes
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from metaadapter.apps.field.camtrap_metadata import (
    COLUMNS,
    DEPLOYMENTS_FILE,
    METADATA_FILE,
    read_deployments,
    read_metadata,
)
from metaadapter.apps.field.frames import (
    by_event,
    by_frame,
    camera_name,
    clock,
    most_in_frame,
    relative_name,
    shown_in,
    sureness,
)
from metaadapter.apps.field.species import PEOPLE, VEHICLES, is_nothing
from metaadapter.apps.field.species_predictions import SOURCE
from metaadapter.data.crop import Box
from metaadapter.errors import DataError
from metaadapter.files.output_folder import replace_file
from metaadapter.files.regular_files import is_regular, regular
from metaadapter.files.strict_json import json_text
from metaadapter.files.table_file import Column, write_table
from metaadapter.files.url import as_place
from metaadapter.workflow.prediction.predictions import NONE_OF_THESE, UNKNOWN, Prediction

Row: TypeAlias = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class CamtrapPackage:
    """A package in the folder `out`; the names of frames are relative to `folder`.

    The entries of the user in datapackage.json (project, contributors, scientific names) and
    deployments.csv (coordinates) stay; everything else is replaced.
    """

    out: Path
    classifier: str
    folder: Path
    detector: str = "detector"
    """The name of the detector, which classifies people, vehicles and frames without a box."""
    scientific_names: Mapping[str, str] = field(default_factory=dict)
    """Label → scientific name, where datapackage.json does not say otherwise."""

    def require_readable(self) -> None:
        """Raise a `DataError`, before any work, if an existing package cannot be read."""
        read_metadata(self.out)
        read_deployments(self.out)
        observations, media = self.out / "observations.csv", self.out / "media.csv"
        for file in (observations, media):
            if file.exists() and not _is_own(observations):
                raise DataError(
                    f"{file} is not from `metaadapter predict --export camtrap-dp:…`, and would be "
                    "overwritten; choose another place, or move that file away"
                )

    def write(self, predictions: Callable[[], Iterable[Prediction]]) -> list[str]:
        """Write the package; return sentences on the required information that is missing."""
        known = read_deployments(self.out)
        metadata = read_metadata(self.out, self.scientific_names)
        cameras, labels, n_without_time = defaultdict[str, list[datetime]](list), set[str](), 0
        levels = {"media"}
        for path, of_frame in by_frame(predictions()):
            if of_frame[0].time is None:
                n_without_time += 1
                continue
            time = datetime.fromisoformat(of_frame[0].time)
            cameras[camera_name(path, self.folder)].append(time)
            labels |= {prediction.label for prediction in shown_in(of_frame)}
            levels |= {"event"} if of_frame[0].series else set()
        deployments = _placed(known) | {
            camera: _deployment(camera, times, known.get(camera, {}))
            for camera, times in cameras.items()
        }
        placed = [row for row in deployments.values() if row["latitude"] and row["longitude"]]
        times = [time for of_camera in cameras.values() for time in of_camera]
        document = metadata.completed(
            self.folder.name or "camera traps",
            [label for label in sorted(labels) if _type_of(label) == "animal"],
            (min(times, key=clock), max(times, key=clock)) if times else None,
            [(float(row["latitude"]), float(row["longitude"])) for row in placed],
            sorted(levels),
        )
        self.out.mkdir(parents=True, exist_ok=True)
        added = (column for row in known.values() for column in row)
        columns = [*dict.fromkeys((*COLUMNS["deployments"], *added))]
        self._table("deployments", deployments.values(), columns)
        self._table("media", self._media(predictions()))
        self._table("observations", self._observations(predictions(), metadata.scientific_name))
        replace_file(self.out / METADATA_FILE, json_text(document, indent=2) + "\n")
        missing = []
        if unplaced := [camera for camera, row in deployments.items() if row not in placed]:
            missing.append(
                f"{len(unplaced)} camera(s) have no latitude and longitude, which the standard "
                f"requires: add them to {self.out / DEPLOYMENTS_FILE}; later runs keep them ("
                f"{', '.join(unplaced[:3])}{', …' if len(unplaced) > 3 else ''})"
            )
        if n_without_time:
            missing.append(
                f"{n_without_time} frame(s) have no time, which the standard requires, so the "
                "package leaves them out"
            )
        return missing

    def _media(self, predictions: Iterable[Prediction]) -> Iterator[Row]:
        for path, of_frame in by_frame(predictions):
            if (time := of_frame[0].time) is not None:
                name = relative_name(path, self.folder)
                yield {
                    "mediaID": name,
                    "deploymentID": camera_name(path, self.folder),
                    "captureMethod": "activityDetection",
                    "timestamp": _stamp(datetime.fromisoformat(time)),
                    "filePath": name,
                    "filePublic": "false",
                    "fileName": path.name,
                    "fileMediatype": mimetypes.guess_type(path.name)[0] or "image/jpeg",
                }

    def _observations(
        self, predictions: Iterable[Prediction], scientific_name: Callable[[str], str]
    ) -> Iterator[Row]:
        """Rows of boxes and, after those of a series, one for each label in it.

        Readers count individuals by the latter alone, and find the media of a series by its times.
        """
        now, programs = _stamp(datetime.now(UTC)), {"detector": self.detector, SOURCE: SOURCE}

        def observed(prediction: Prediction, start: str, end: str) -> Row:
            label, kind = prediction.label, _type_of(prediction.label)
            program = programs.get(prediction.source or "", self.classifier)
            return {
                "deploymentID": camera_name(as_place(prediction.path), self.folder),
                "eventID": event,
                "eventStart": start,
                "eventEnd": end,
                **_classifier(program, prediction),
                "classificationTimestamp": now,
                "observationType": kind,
                "scientificName": scientific_name(label) if kind == "animal" else "",
            }

        for first, frames in by_event(one for one in predictions if one.time is not None):
            event = relative_name(as_place(first), self.folder)
            stamps = [_stamp(datetime.fromisoformat(frame[0].time or "")) for _, frame in frames]
            for (path, of_frame), stamp in zip(frames, stamps, strict=True):
                name = relative_name(path, self.folder)
                for number, prediction in enumerate(shown_in(of_frame), start=1):
                    yield {
                        **observed(prediction, stamp, stamp),
                        "observationID": f"{name}#{number}",
                        "mediaID": name,
                        "observationLevel": "media",
                        **({} if prediction.box is None else {"count": 1, **_box(prediction.box)}),
                    }
            if frames[0][1][0].series is None:
                continue
            shown = shown_in([one for _, of_frame in frames for one in of_frame])
            most = most_in_frame(frames)
            for number, label in enumerate(dict.fromkeys(one.label for one in shown), start=1):
                surest = max((one for one in shown if one.label == label), key=sureness)
                yield {
                    **observed(surest, stamps[0], stamps[-1]),
                    "observationID": f"{event}#event{number}",
                    "observationLevel": "event",
                    "count": most[label] or None,
                }

    def _table(self, name: str, rows: Iterable[Row], columns: Sequence[str] | None = None) -> None:
        names = columns or COLUMNS[name]
        cells = ([row.get(column) for column in names] for row in rows)
        # Other programs look for files by these names.
        write_table(self.out / f"{name}.csv", [Column(column, None) for column in names], cells)


def _is_own(observations: Path) -> bool:
    """Return whether a table of observations has no rows, or first one numbered by this module."""
    if not is_regular(observations):
        return False
    with regular(observations).open(encoding="utf-8", errors="replace", newline="") as file:
        first = next(csv.DictReader(file), None)
    return first is None or re.search(r"#\d+$", first.get("observationID") or "") is not None


def _classifier(program: str, prediction: Prediction) -> Row:
    """A person's classification has neither a program nor a probability."""
    if prediction.source == "person":
        return {"classificationMethod": "human"}
    return {
        "classificationMethod": "machine",
        "classifiedBy": program,
        "classificationProbability": round(prediction.probability, 5),
    }


def _placed(known: Mapping[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """The cameras whose places a person entered: a run on other cameras keeps their rows."""
    needed = ("latitude", "longitude", "deploymentStart", "deploymentEnd")
    return {camera: row for camera, row in known.items() if all(map(row.get, needed))}


def _deployment(camera: str, times: Sequence[datetime], known: Mapping[str, str]) -> dict[str, str]:
    """The row of a camera: that of `known`, with start and end widened to all its media."""
    first, last = min(times, key=clock), max(times, key=clock)
    start, end = (known.get(column) or "" for column in ("deploymentStart", "deploymentEnd"))
    begins, ends = _time(start), _time(end)
    return {
        "deploymentID": camera,
        "locationName": camera,
        "latitude": "",
        "longitude": "",
        "timestampIssues": str(any(time.tzinfo is None for time in times)).lower(),
        **known,
        "deploymentStart": start if begins and begins <= clock(first) else _stamp(first),
        "deploymentEnd": end if ends and ends >= clock(last) else _stamp(last),
    }


def _time(text: str) -> datetime | None:
    try:
        return clock(datetime.fromisoformat(text))
    except ValueError:
        return None


def _type_of(label: str) -> str:
    word = label.casefold()
    if is_nothing(label):
        return "blank"
    if word in PEOPLE:
        return "human"
    if word in VEHICLES:
        return "vehicle"
    return "unknown" if word in (UNKNOWN, NONE_OF_THESE) else "animal"


def _box(box: Box) -> Row:
    names = ("bboxX", "bboxY", "bboxWidth", "bboxHeight")
    return {name: min(max(side, 0.0), 1.0) for name, side in zip(names, box, strict=True)}


def _stamp(time: datetime) -> str:
    """A time in ISO 8601. Without a zone, it ends with Z, and its camera has `timestampIssues`."""
    return time.isoformat() if time.utcoffset() else time.strftime("%Y-%m-%dT%H:%M:%SZ")
