"""The detections of MegaDetector and SpeciesNet in the frames of camera traps, read from JSON.

https://lila.science/megadetector-output-format describes the format of MegaDetector; the parts that
this module reads are the same in versions 1.0 to 1.6. SpeciesNet writes `predictions.json`
(https://github.com/google/cameratrapai), and its converter writes MegaDetector's format.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from metaadapter.data.capture_time import read_time
from metaadapter.data.crop import Box
from metaadapter.data.regular_files import regular
from metaadapter.data.strict_json import parse_json
from metaadapter.data.table import ImageRow, ImageTable
from metaadapter.errors import DataError

ANIMAL = "animal"
"""The category whose boxes are classified; boxes of others, such as "person", are not."""
# MegaDetector's categories, for its early files and SpeciesNet's files, which do not list them.
USUAL_CATEGORIES = {"1": ANIMAL, "2": "person", "3": "vehicle"}
EXAMPLE = (
    "expected a JSON file as MegaDetector (with `images` and `detection_categories`) or "
    "SpeciesNet (with `predictions`) writes it"
)


class Detection(NamedTuple):
    """One box that a detector reports."""

    category: str
    confidence: float
    box: Box


class FrameDetections(NamedTuple):
    """The detections in one frame."""

    file: str
    """The name of the frame in the detector's file."""
    detections: tuple[Detection, ...]
    failure: str = ""
    """Why the frame has no boxes, if the detector could not read it."""
    time: datetime | None = None

    def above(self, confidence: float) -> tuple[Detection, ...]:
        """The detections with at least this confidence, the most confident first."""
        chosen = (box for box in self.detections if box.confidence >= confidence)
        return tuple(sorted(chosen, key=lambda box: -box.confidence))


@dataclass(frozen=True, slots=True)
class Detections:
    """The detections in many frames."""

    source: Path
    sha256: str
    info: Mapping[str, Any]
    categories: Mapping[str, str]
    """Category ID → name."""
    frames: Mapping[str, FrameDetections]
    """File name with forward slashes → its frame."""

    @property
    def classified(self) -> frozenset[str]:
        """The categories whose boxes are classified: only `ANIMAL`, or all if it is missing."""
        names = frozenset(self.categories.values())
        return names & {ANIMAL} or names

    def of(self, path: Path, folders: Sequence[Path]) -> FrameDetections | None:
        """The detections in a picture, listed under its path or its path relative to a folder."""
        names = _names(path, folders)
        return next((self.frames[name] for name in names if name in self.frames), None)

    def require_some(self, paths: Sequence[Path], folders: Sequence[Path]) -> None:
        """Raise a `DataError` if the detector's file lists none of the pictures."""
        if paths and not any(self.of(path, folders) for path in paths):
            first = next(iter(self.frames), "nothing")
            raise DataError(
                f"{self.source} has none of the {len(paths)} pictures: it lists {first!r} and "
                f"{max(0, len(self.frames) - 1)} other frames, but the first picture is {paths[0]};"
                " give the folder that the detector processed, or run the detector on this folder"
            )


def read_detections(source: Path) -> Detections:
    """Read the JSON file of MegaDetector or SpeciesNet."""
    try:
        content = regular(source).read_bytes()
        value = parse_json(content)
        if not isinstance(value, dict):
            raise ValueError("it is not an object")
        model = _SpeciesNet if "predictions" in value else _MegaDetector
        read = model.model_validate(value)
    except OSError as error:
        raise DataError(f"cannot read the detections {source}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DataError(f"{EXAMPLE}, but {source} is wrong at {place}: {first['msg']}") from error
    except ValueError as error:
        raise DataError(f"{EXAMPLE}, but {source} is no such JSON file: {error}") from error
    names = read.categories()
    return Detections(
        source,
        hashlib.sha256(content).hexdigest(),
        read.info,
        names,
        {_name(frame.file): frame for frame in read.frames(names)},
    )


def surest_boxes(
    table: ImageTable, detections: Detections, min_confidence: float, folder: Path
) -> ImageTable:
    """Give each labelled picture its most confident box of an animal; boxes in `table` stay.

    A label describes the whole picture, so each picture has one box. Pictures without a box, such
    as empty frames, are used as a whole; a warning gives their number by class. A `DataError` if no
    picture has a box.
    """
    detections.require_some([row.path for row in table.rows], [folder])
    rows = [_with_box(row, detections, min_confidence, [folder]) for row in table.rows]
    unboxed = Counter(str(row.label) for row in rows if row.box is None)
    if unboxed.total() == len(rows):
        raise DataError(
            f"{detections.source} has no box of an animal with a confidence of {min_confidence} or "
            "more in any labelled picture; lower --min-confidence, or leave out --detections"
        )
    if not unboxed:
        return replace(table, rows=tuple(rows))
    warning = (
        f"{unboxed.total()} labelled pictures have no box of an animal and are used as a whole: "
        + ", ".join(f"{n} of {label!r}" for label, n in sorted(unboxed.items()))
    )
    return replace(table, rows=tuple(rows), warnings=(*table.warnings, warning))


class _Detection(BaseModel):
    category: str
    conf: float
    bbox: tuple[float, float, float, float]

    def read(self, names: Mapping[str, str]) -> Detection:
        return Detection(names.get(self.category, self.category), self.conf, Box(*self.bbox))


class _Image(BaseModel):
    file: str
    detections: list[_Detection] | None = None
    failure: str | None = None
    datetime: str | None = None


class _MegaDetector(BaseModel):
    info: dict[str, Any] = {}
    detection_categories: dict[str, str] = USUAL_CATEGORIES
    images: list[_Image]

    def categories(self) -> dict[str, str]:
        return self.detection_categories

    def frames(self, names: Mapping[str, str]) -> Iterator[FrameDetections]:
        for image in self.images:
            failure = image.failure or ("" if image.detections is not None else "no detections")
            time = read_time(image.datetime)
            yield _frame(image.file, image.detections or [], names, failure, time)


class _Prediction(BaseModel):
    filepath: str
    detections: list[_Detection] | None = None
    failures: list[str] = []


class _SpeciesNet(BaseModel):
    predictions: list[_Prediction]

    @property
    def info(self) -> dict[str, Any]:
        return {"detector": "SpeciesNet"}

    def categories(self) -> dict[str, str]:
        return USUAL_CATEGORIES

    def frames(self, names: Mapping[str, str]) -> Iterator[FrameDetections]:
        for frame in self.predictions:
            failure = "" if frame.detections is not None else ", ".join(frame.failures) or "none"
            yield _frame(frame.filepath, frame.detections or [], names, failure)


def _frame(
    file: str,
    detections: Sequence[_Detection],
    names: Mapping[str, str],
    failure: str,
    time: datetime | None = None,
) -> FrameDetections:
    boxes = tuple(detection.read(names) for detection in detections)
    if wrong := next((detection.box for detection in boxes if not detection.box.is_within), None):
        failure = f"its box {list(wrong)} is not a rectangle in the picture"
    return FrameDetections(file, () if failure else boxes, failure, time)


def _name(file: str) -> str:
    return file.replace("\\", "/").removeprefix("./")


def _names(path: Path, folders: Sequence[Path]) -> Iterator[str]:
    for folder in folders:
        if path.is_relative_to(folder):
            yield path.relative_to(folder).as_posix()
    yield _name(str(path))
    yield path.absolute().as_posix()


def _with_box(
    row: ImageRow, detections: Detections, min_confidence: float, folders: Sequence[Path]
) -> ImageRow:
    frame = detections.of(row.path, folders)
    if row.box is not None or frame is None:
        return row
    for detection in frame.above(min_confidence):
        if detection.category in detections.classified:
            return replace(row, box=detection.box)
    return row
