"""Labelled frames cut down to what they are labelled for: the surest box of a detector in each."""

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
    """The labelled pictures, each with the surest box of an animal in it.

    A label is of the whole picture, so that one box of it counts as one example, and numbers of
    pictures stay what they were. Where there is no box the picture is used as a whole: so are all
    pictures of a class of empty frames. A warning tells how many of each class.

    Args:
        table: Labelled pictures; boxes that they have already stay.
        detections: What a detector has found in them.
        min_confidence: The least confidence of a box.
        folder: Where the names in the detector's file may begin.

    Raises:
        DataError: The file speaks of none of the pictures, or has no box in any of them.
    """
    detections.require_some([row.path for row in table.rows], [folder])
    rows = [_with_box(row, detections, min_confidence, [folder]) for row in table.rows]
    bare = Counter(str(row.label) for row in rows if row.box is None)
    if bare.total() == len(rows):
        raise DataError(
            f"{detections.source} has no box of an animal with a confidence of {min_confidence} in "
            "any of the labelled pictures; lower --min-confidence, or leave --detections out"
        )
    if not bare:
        return replace(table, rows=tuple(rows))
    told = (
        f"{bare.total()} labelled pictures have no box of an animal and are used as a whole: "
        + ", ".join(f"{n} of {label!r}" for label, n in sorted(bare.items()))
    )
    return replace(table, rows=tuple(rows), warnings=(*table.warnings, told))


def _with_box(
    row: ImageRow, detections: Detections, min_confidence: float, folders: Sequence[Path]
) -> ImageRow:
    said = detections.of(row.path, folders)
    if row.box is not None or said is None:
        return row
    above = said.above(min_confidence)
    return next(
        (replace(row, box=each.box) for each in above if each.category in detections.classified),
        row,
    )
