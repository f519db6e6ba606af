"""The boxes of unlabelled frames, which replace these frames in a pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from metaadapter.apps.field.detections import Detections, folders_of
from metaadapter.data.table import ImageRow, ImageTable
from metaadapter.errors import DataError

MOST_LISTED = 3


def pool_boxes(
    table: ImageTable, detections: Detections, min_confidence: float, source: Path
) -> ImageTable:
    """Replace each unlabelled frame by its boxes of animals, which `predict` would label.

    The labelled pictures are boxes as well, and whole frames beside them would teach the look of
    the surroundings. Boxes in `table` stay. Frames without a box or without an entry are left out,
    and warnings count them. A `DataError` if no box is left.
    """
    rows, without, unlisted = list[ImageRow](), list[Path](), list[Path]()
    folders = folders_of([source], table.rows)
    detections = detections.matched([row.path for row in table.rows], folders)
    for row in table.rows:
        frame = detections.of(row.path, folders)
        if row.box is not None:
            rows.append(row)
        elif frame is None:
            unlisted.append(row.path)
        else:
            boxes = [
                replace(row, box=detection.box)
                for detection in frame.above(min_confidence)
                if detection.category in detections.classified
            ]
            rows += boxes
            without += [] if boxes else [row.path]
    if not rows:
        _refuse(detections, min_confidence, source, () if without else unlisted)
    warnings = [*table.warnings, *detections.warnings]
    if unlisted:
        warnings.append(
            f"{len(unlisted)} unlabelled pictures are left out, because {detections.source} does "
            f"not list them: {_names(unlisted)}"
        )
    if without:
        warnings.append(
            f"{len(without)} unlabelled pictures have no box of an animal and are left out"
        )
    return replace(table, rows=tuple(rows), warnings=tuple(warnings))


def _refuse(
    detections: Detections, min_confidence: float, folder: Path, unlisted: Sequence[Path]
) -> None:
    if unlisted:
        raise DataError(
            f"the labelled pictures are boxes, and {detections.source} lists no boxes in the "
            f"unlabelled pictures {folder} ({_names(unlisted)}); give the detections in these with "
            "a second --detections, or give the table of predict --out as --unlabelled"
        )
    raise DataError(
        f"{detections.source} has no box of an animal with a confidence of {min_confidence} or "
        f"more in any unlabelled picture of {folder}; lower --min-confidence, or leave out "
        "--unlabelled"
    )


def _names(paths: Sequence[Path]) -> str:
    more = ", …" if len(paths) > MOST_LISTED else ""
    return ", ".join(map(str, paths[:MOST_LISTED])) + more
