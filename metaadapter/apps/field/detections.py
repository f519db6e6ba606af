"""The detections of a detector in many frames, read from its file."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from metaadapter.apps.field.detection_formats import read_listing
from metaadapter.apps.field.frame_detections import ANIMAL, FrameDetections
from metaadapter.data.regular_files import regular
from metaadapter.data.strict_json import parse_json
from metaadapter.data.table import ImageRow, ImageTable
from metaadapter.errors import DataError

EXAMPLE = (
    "expected a JSON file as MegaDetector (with `images` and `detection_categories`, or a list of "
    "frames) or SpeciesNet (with `predictions`) writes it"
)


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
    warnings: tuple[str, ...] = ()

    @property
    def classified(self) -> frozenset[str]:
        """The categories whose boxes are classified: only `ANIMAL`, or all if it is missing."""
        names = frozenset(self.categories.values())
        return names & {ANIMAL} or names

    @property
    def species_labels(self) -> frozenset[str]:
        """SpeciesNet's labels in all frames."""
        boxes = (box for frame in self.frames.values() for box in frame.detections)
        return frozenset(label for box in boxes for label in box.species)

    def of(self, path: Path, folders: Sequence[Path]) -> FrameDetections | None:
        """The detections in a picture.

        The file lists it under its path, or its path relative to one of the folders, or to a folder
        around them: that of the detector's run, of which only a part is given.
        """
        names = _names(path, folders)
        frame = next((self.frames[name] for name in names if name in self.frames), None)
        return frame and frame.of_picture(path)

    def require_some(self, paths: Sequence[Path], folders: Sequence[Path]) -> None:
        """Raise a `DataError` if the detector's file lists none of the pictures."""
        if paths and not any(self.of(path, folders) for path in paths):
            listed = "no frame"
            if first := next(iter(self.frames), None):
                listed = f"{first!r} and {len(self.frames) - 1} other frames"
            raise DataError(
                f"{self.source} has none of the {len(paths)} pictures: it lists {listed}, and the "
                f"first picture is {paths[0]};"
                " give the folder that the detector processed, or run the detector on this folder"
            )


def read_detections(source: Path) -> Detections:
    """Read the JSON file of MegaDetector or SpeciesNet; other content is a `DataError`."""
    try:
        content = regular(source).read_bytes()
        listing = read_listing(parse_json(content))
    except OSError as error:
        raise DataError(f"cannot read the detections {source}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        wrong = first["msg"] if "instance of" not in first["msg"] else "expected a JSON object"
        raise DataError(f"{EXAMPLE}, but {source} is wrong at {place}: {wrong}") from error
    except ValueError as error:
        raise DataError(f"{EXAMPLE}, but {source} is no such JSON file: {error}") from error
    warnings: tuple[str, ...] = ()
    if listing.wrong_boxes:
        warnings = (
            f"left out of {source}: {len(listing.wrong_boxes)} box(es) that are no rectangles in "
            f"their pictures; the first is in {listing.wrong_boxes[0]}",
        )
    frames: dict[str, FrameDetections] = {}
    for frame in listing.frames:
        if frames.setdefault(_name(frame.file), frame).detections != frame.detections:
            raise DataError(
                f"{source} lists {frame.file!r} twice, with different boxes; correct it"
            )
    sha256 = hashlib.sha256(content).hexdigest()
    return Detections(source, sha256, listing.info, listing.categories, frames, warnings)


def surest_boxes(
    table: ImageTable, detections: Detections, min_confidence: float, folder: Path
) -> ImageTable:
    """Give each labelled picture its most confident box of an animal; boxes in `table` stay.

    A label describes the whole picture, so each picture has one box. Pictures without a box, such
    as empty frames, are used as a whole; a warning gives their number by class. A `DataError` if no
    picture has a box.
    """
    detections.require_some([row.path for row in table.rows if row.box is None], [folder])
    rows = [_with_box(row, detections, min_confidence, [folder]) for row in table.rows]
    unboxed = Counter(str(row.label) for row in rows if row.box is None)
    if unboxed.total() == len(rows):
        raise DataError(
            f"{detections.source} has no box of an animal with a confidence of {min_confidence} or "
            "more in any labelled picture; lower --min-confidence, or leave out --detections"
        )
    warnings = (*table.warnings, *detections.warnings)
    if unboxed:
        warnings += (
            f"{unboxed.total()} labelled pictures have no box of an animal and are used as a whole:"
            + ",".join(f" {n} of {label!r}" for label, n in sorted(unboxed.items())),
        )
    return replace(table, rows=tuple(rows), warnings=warnings)


def _name(file: str) -> str:
    return file.replace("\\", "/").removeprefix("./")


def _names(path: Path, folders: Sequence[Path]) -> Iterator[str]:
    """The names under which a file may list a picture; the outermost folder comes first.

    A longer name is more certain: every camera has a picture 1.jpg.
    """
    whole = path.absolute()
    yield whole.as_posix()
    for folder in folders:
        if path.is_relative_to(folder):
            inner = folder.absolute()
            for outer in (*reversed(inner.parents), inner):
                yield whole.relative_to(outer).as_posix()
    yield _name(str(path))


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
