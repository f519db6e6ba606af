"""The detections in many frames, read from a file or folder of boxes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from metaadapter.apps.field.frames import common_folder
from metaadapter.data.boxes.formats import read_boxes
from metaadapter.data.boxes.frame_detections import ANIMAL, FrameDetections
from metaadapter.data.boxes.picture_search import DEEPEST, parts_of
from metaadapter.data.crop import Box
from metaadapter.data.table import ImageRow, ImageTable
from metaadapter.errors import DataError
from metaadapter.files.checksums import content_hash, file_hash

ABSOLUTE = re.compile(r"/|[A-Za-z]:/")
MOST_LISTED = 3


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
        names = [*_names(path, folders)]
        # The files of YOLO's predictions do not tell the ending of a picture's name.
        names += [name.removesuffix(path.suffix) for name in names]
        return next((self.frames[name] for name in names if name in self.frames), None)

    def animals(
        self, path: Path, folders: Sequence[Path], min_confidence: float
    ) -> list[Box] | None:
        """The boxes of animals in a picture, the surest first; `None` if it is not listed."""
        frame = self.of(path, folders)
        return frame and [
            box.box for box in frame.above(min_confidence) if box.category in self.classified
        ]

    def matched(self, paths: Sequence[Path], folders: Sequence[Path]) -> Detections:
        """These detections, under names that pictures have here if none has one of theirs.

        The names of another machine are absolute, and begin with folders that are not here. As few
        of these as possible are left out, and a warning tells it.
        """
        if any(self.of(path, folders) for path in paths):
            return self
        for n_left_out in range(DEEPEST):
            shorter = self._without_outer(n_left_out)
            if shorter and any(shorter.of(path, folders) for path in paths):
                return shorter
        return self

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

    def _without_outer(self, n_left_out: int) -> Detections | None:
        """With names without outer folders; `None` if one is not absolute, or if two are equal."""
        frames = dict[str, FrameDetections]()
        for name, frame in self.frames.items():
            shorter = "/".join(parts_of(name)[n_left_out:])
            if not ABSOLUTE.match(name) or not shorter or shorter in frames:
                return None
            frames[shorter] = frame
        first = next(iter(self.frames), "")
        outer = first.removesuffix(next(iter(frames), ""))
        warning = f"the folder {outer} of {self.source} is taken for one around the pictures"
        return replace(self, frames=frames, warnings=(*self.warnings, warning))


def read_detections(source: Path) -> Detections:
    """Read a file or folder of boxes in any format; other content is a `DataError`."""
    listing = read_boxes(source)
    frames: dict[str, FrameDetections] = {}
    for frame in listing.frames:
        if frames.setdefault(_name(frame.file), frame).detections != frame.detections:
            raise DataError(
                f"{source} lists {frame.file!r} twice, with different boxes; correct it"
            )
    others = [(_name(name), frame) for frame in listing.frames for name in frame.names[1:]]
    counts = Counter(name for name, _ in others)
    for name, frame in others:
        if counts[name] == 1:  # two uploads may have had one name
            frames.setdefault(name, frame)
    info = listing.info or {"detector": f"boxes of {listing.format}"}
    sha256 = file_hash(source) if source.is_file() else ""
    sha256 = sha256 or content_hash(repr(listing.frames))
    return Detections(
        source, sha256, info, listing.categories, frames, (*listing.warnings(source),)
    )


def surest_boxes(
    table: ImageTable, detections: Detections, min_confidence: float, source: Path
) -> ImageTable:
    """Give each labelled picture its most confident box of an animal; boxes in `table` stay.

    A label describes the whole picture, so each picture has one box. Pictures without a box, such
    as empty frames, are used as a whole; a warning gives their number by class. A `DataError` if no
    picture has a box.
    """
    folders = folders_of([source], table.rows)
    whole = [row.path for row in table.rows if row.box is None]
    detections = detections.matched(whole, folders)
    detections.require_some(whole, folders)
    rows = list[ImageRow]()
    for row in table.rows:
        boxes = detections.animals(row.path, folders, min_confidence) if row.box is None else None
        rows.append(replace(row, box=boxes[0]) if boxes else row)
    unboxed = Counter(str(row.label) for row in rows if row.box is None)
    if unboxed.total() == len(rows):
        raise _no_box(detections, min_confidence, "labelled picture")
    warnings = (*table.warnings, *detections.warnings)
    if unboxed:
        warnings += (
            f"{unboxed.total()} labelled pictures have no box of an animal and are used as a whole:"
            + ",".join(f" {n} of {label!r}" for label, n in sorted(unboxed.items())),
        )
    return replace(table, rows=tuple(rows), warnings=warnings)


def pool_boxes(
    table: ImageTable, detections: Detections, min_confidence: float, source: Path
) -> ImageTable:
    """Replace each unlabelled frame by its boxes of animals, which `predict` would label.

    The labelled pictures are boxes as well, and whole frames beside them would teach the look of
    the surroundings. Boxes in `table` stay. Frames without a box or without an entry are left out,
    and warnings count them. A `DataError` if no box is left.
    """
    rows, without, unlisted = list[ImageRow](), 0, list[Path]()
    folders = folders_of([source], table.rows)
    detections = detections.matched([row.path for row in table.rows], folders)
    for row in table.rows:
        boxes = detections.animals(row.path, folders, min_confidence)
        if row.box is not None:
            rows.append(row)
        elif boxes is None:
            unlisted.append(row.path)
        else:
            rows += [replace(row, box=box) for box in boxes]
            without += not boxes
    listed = ", ".join(map(str, unlisted[:MOST_LISTED])) + ", …" * (len(unlisted) > MOST_LISTED)
    if not rows and unlisted and not without:
        raise DataError(
            f"the labelled pictures are boxes, and {detections.source} lists no boxes in the "
            f"unlabelled pictures {source} ({listed}); give the detections in these by a second "
            "--detections, or give the table of predict --out as --unlabelled"
        )
    if not rows:
        raise _no_box(detections, min_confidence, f"unlabelled picture of {source}")
    warnings = [*table.warnings, *detections.warnings]
    if unlisted:
        warnings.append(
            f"{len(unlisted)} unlabelled pictures are left out, because {detections.source} does "
            f"not list them: {listed}"
        )
    if without:
        warnings.append(f"{without} unlabelled pictures have no box of an animal and are left out")
    return replace(table, rows=tuple(rows), warnings=tuple(warnings))


def _no_box(detections: Detections, min_confidence: float, pictures: str) -> DataError:
    return DataError(
        f"{detections.source} has no box of an animal with a confidence of {min_confidence} or "
        f"more in any {pictures}; lower --min-confidence, or leave out --detections"
    )


def folders_of(sources: Sequence[Path], rows: Sequence[ImageRow]) -> list[Path]:
    """The folders among sources of pictures; without any, such as for a table, that around all."""
    return [source for source in sources if source.is_dir()] or [common_folder(rows)]


def _name(file: str) -> str:
    return file.replace("\\", "/").removeprefix("./")


def _names(path: Path, folders: Sequence[Path]) -> Iterator[str]:
    """The names under which a file may list a picture; the outermost folder comes first.

    A longer name is more certain: every camera has a picture 1.jpg.
    """
    whole = path.absolute()
    yield whole.as_posix()
    for folder in folders:
        inner = folder.absolute()
        if whole.is_relative_to(inner):
            for outer in (*reversed(inner.parents), inner):
                yield whole.relative_to(outer).as_posix()
    yield _name(str(path))
