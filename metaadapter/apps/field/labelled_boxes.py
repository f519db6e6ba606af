"""Labelled frames cropped to the most confident box of an animal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from metaadapter.apps.field.detections import Detections
from metaadapter.data.table import ImageRow, ImageTable
from metaadapter.errors import DataError


def surest_boxes(
    table: ImageTable, detections: Detections, min_confidence: float, folder: Path
) -> ImageTable:
    """The labelled pictures with the most confident box of an animal in each.

    A label describes the whole picture, so one box of it is one example, and the numbers of
    pictures do not change. A picture without a box is used as a whole, as are all pictures of a
    class of empty frames. A warning gives their number by class.

    Args:
        table: Labelled pictures; boxes that they already have stay.
        detections: The detections in these pictures.
        min_confidence: The least confidence of a box.
        folder: The folder that the names in the detector's file may be relative to.

    Raises:
        DataError: The file contains none of the pictures, or no box in any of them.
    """
    detections.require_some([row.path for row in table.rows], [folder])
    rows = [_with_box(row, detections, min_confidence, [folder]) for row in table.rows]
    unboxed = Counter(str(row.label) for row in rows if row.box is None)
    if unboxed.total() == len(rows):
        raise DataError(
            f"{detections.source} has no box of an animal with a confidence of {min_confidence} in "
            "any of the labelled pictures; lower --min-confidence, or leave out --detections"
        )
    if not unboxed:
        return replace(table, rows=tuple(rows))
    warning = (
        f"{unboxed.total()} labelled pictures have no box of an animal and are used as a whole: "
        + ", ".join(f"{n} of {label!r}" for label, n in sorted(unboxed.items()))
    )
    return replace(table, rows=tuple(rows), warnings=(*table.warnings, warning))


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
