"""A file or folder of boxes as a table of pictures: one row for each box, with its label."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from metaadapter.data.boxes.frame_detections import WHOLE, Detection, FrameDetections
from metaadapter.data.boxes.listing import Listing, sentences
from metaadapter.data.boxes.picture_search import find_pictures, roots_of
from metaadapter.data.decode import upright_size
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.table import ImageRow, ImageTable
from metaadapter.errors import DataError

MIN_CONFIDENCE = 0.2
"""Boxes of which a detector was less sure are no examples of a class."""
SAME_SHAPE = 0.02


def boxed_table(
    listing: Listing,
    source: Path,
    *,
    labelled: bool,
    pictures: Path | None = None,
    min_confidence: float = MIN_CONFIDENCE,
) -> ImageTable:
    """Return one row for each box whose picture exists; warnings tell what is left out or odd.

    The pictures are in the folder `pictures`, or near `source`. Boxes below `min_confidence` are
    left out. A `DataError` if no picture exists, or if no box is left.
    """
    roots = roots_of(source) if pictures is None else [pictures]
    paths = find_pictures(listing.frames, roots, source, is_given=pictures is not None)
    remarks = defaultdict[str, list[str]](list)
    for frame, path in zip(listing.frames, paths, strict=True):
        if path is None:
            remarks["pictures are missing and left out"].append(frame.file)
    rows = [
        row
        for frame, path in zip(listing.frames, paths, strict=True)
        if path is not None
        for row in _rows(frame, path, remarks, min_confidence, labelled=labelled)
    ]
    warnings = sentences({**listing.remarks, **remarks}, source)
    if not rows:
        raise DataError(
            f"expected boxes with labels in {source}, but it leaves none to use"
            + "".join(f"; {warning}" for warning in warnings)
        )
    return ImageTable(tuple(rows), f"boxes of {listing.format}", tuple(warnings))


def _rows(
    frame: FrameDetections,
    path: Path,
    remarks: defaultdict[str, list[str]],
    min_confidence: float,
    *,
    labelled: bool,
) -> Iterator[ImageRow]:
    def leave_out(fate: str) -> None:
        remarks[f"{fate} and are left out"].append(frame.file)

    size = _size(path) if frame.size else None
    if frame.size and size and not _same_shape(frame.size, size):
        leave_out(
            "pictures have other proportions than when their boxes were drawn, as after a turn by "
            "EXIF data,"
        )
        return
    if not frame.detections:
        leave_out("pictures have no box")
    boxes = list[tuple[Detection, str]]()
    for detection in frame.detections:
        label = unicodedata.normalize("NFC", " ".join(detection.category.split()))
        if detection.confidence < min_confidence:
            leave_out(f"boxes have a confidence below {min_confidence}")
        elif labelled and not label:
            leave_out("boxes have no label")
        else:
            boxes.append((detection, label))
    for detection, label in boxes:
        yield ImageRow(
            path,
            label if labelled else None,
            frame.split,
            # The boxes of one picture stay on one side of a split.
            group=str(path) if len(boxes) > 1 else None,
            box=None if detection.box == WHOLE else detection.box,
        )


def _size(path: Path) -> tuple[int, int] | None:
    try:
        return upright_size(path)
    except UnreadableImage:  # the encoder tells of it
        return None


def _same_shape(one: Sequence[int], other: Sequence[int]) -> bool:
    first, second = one[0] * other[1], one[1] * other[0]
    # A picture that was made smaller has its sides rounded to whole pixels.
    rounding = SAME_SHAPE + 1 / min(*one, *other)
    return abs(first - second) <= rounding * max(first, second)
