"""What a detector has found in the frames of camera traps: the JSON of MegaDetector and SpeciesNet.

MegaDetector's format is described at https://lila.science/megadetector-output-format; the versions
1.0 to 1.6 have in common all that is read here. SpeciesNet writes `predictions.json`
(https://github.com/google/cameratrapai), and with its own converter MegaDetector's format too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from metaadapter.data.capture_time import read_time
from metaadapter.data.crop import Box
from metaadapter.data.regular_files import regular
from metaadapter.data.strict_json import parse_json
from metaadapter.errors import DataError

ANIMAL = "animal"
"""The category that is classified; what a detector calls otherwise, such as a person, is not."""
# Those of MegaDetector, which its early files and SpeciesNet's do not spell out.
USUAL_CATEGORIES = {"1": ANIMAL, "2": "person", "3": "vehicle"}
EXAMPLE = (
    "expected detections as MegaDetector (`images`, `detection_categories`) or SpeciesNet "
    "(`predictions`) writes them"
)


class Detection(NamedTuple):
    """One box of a detector."""

    category: str
    """The name of what the detector takes it for, such as "animal"."""
    confidence: float
    """The detector's own, from 0 to 1."""
    box: Box


class FrameDetections(NamedTuple):
    """What a detector says of one frame."""

    file: str
    """The frame as the detector's file names it."""
    found: tuple[Detection, ...]
    failure: str = ""
    """Why the frame has no boxes, where the detector could not read it."""
    time: datetime | None = None

    def above(self, confidence: float) -> tuple[Detection, ...]:
        """The boxes of at least this confidence, the surest first."""
        chosen = (each for each in self.found if each.confidence >= confidence)
        return tuple(sorted(chosen, key=lambda each: -each.confidence))


@dataclass(frozen=True, slots=True)
class Detections:
    """What a detector says of many frames."""

    source: Path
    sha256: str
    """Of the file."""
    info: Mapping[str, Any]
    """What the file says of the detector."""
    categories: Mapping[str, str]
    """ID → name."""
    frames: Mapping[str, FrameDetections]
    """File, with forward slashes → its frame."""

    @property
    def classified(self) -> frozenset[str]:
        """The categories whose boxes are classified: animals, or all where nothing is called so."""
        names = frozenset(self.categories.values())
        return names & {ANIMAL} or names

    def of(self, path: Path, folders: Sequence[Path]) -> FrameDetections | None:
        """The frame of a picture, named from one of the folders or by its whole path."""
        for name in _names(path, folders):
            if (found := self.frames.get(name)) is not None:
                return found
        return None

    def require_some(self, paths: Sequence[Path], folders: Sequence[Path]) -> None:
        """Check that the file speaks of the pictures at all.

        Raises:
            DataError: It has not one of them.
        """
        if paths and not any(self.of(path, folders) for path in paths):
            first = next(iter(self.frames), "nothing")
            raise DataError(
                f"{self.source} has none of the {len(paths)} pictures: it tells of {first!r} and "
                f"{max(0, len(self.frames) - 1)} others, but the first picture is {paths[0]}; name "
                "the folder that the detector was given, or run the detector on this one"
            )


def read_detections(source: Path) -> Detections:
    """Read the file of a detector.

    Raises:
        DataError: It cannot be read, or is in neither format.
    """
    try:
        content = regular(source).read_bytes()
        value = parse_json(content)
        if not isinstance(value, dict):
            raise ValueError("it is a list or a single value, not an object")
        model = _SpeciesNet if "predictions" in value else _MegaDetector
        read = model.model_validate(value)
    except OSError as error:
        raise DataError(f"cannot read the detections {source}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DataError(f"{EXAMPLE}, but in {source} {place}: {first['msg']}") from error
    except ValueError as error:
        raise DataError(f"{EXAMPLE}, but {source} is not such a file: {error}") from error
    names = read.categories()
    return Detections(
        source,
        hashlib.sha256(content).hexdigest(),
        read.info,
        names,
        {_name(frame.file): frame for frame in read.frames(names)},
    )


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
        for each in self.predictions:
            failure = "" if each.detections is not None else ", ".join(each.failures) or "none"
            yield _frame(each.filepath, each.detections or [], names, failure)


def _frame(
    file: str,
    detections: Sequence[_Detection],
    names: Mapping[str, str],
    failure: str,
    time: datetime | None = None,
) -> FrameDetections:
    found = tuple(each.read(names) for each in detections)
    if wrong := next((each.box for each in found if not each.box.is_within), None):
        failure = f"its box {list(wrong)} is no rectangle in the picture"
    return FrameDetections(file, () if failure else found, failure, time)


def _name(file: str) -> str:
    return file.replace("\\", "/").removeprefix("./")


def _names(path: Path, folders: Sequence[Path]) -> Iterator[str]:
    for folder in folders:
        if path.is_relative_to(folder):
            yield path.relative_to(folder).as_posix()
    yield _name(str(path))
    yield path.absolute().as_posix()
