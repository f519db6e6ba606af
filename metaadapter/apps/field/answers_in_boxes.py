"""Predictions as boxes with labels, for the programs whose formats `data.boxes` writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from metaadapter.apps.field.frames import by_frame, relative_name
from metaadapter.apps.field.species import is_nothing
from metaadapter.data.boxes.frame_detections import WHOLE, Detection, FrameDetections
from metaadapter.data.boxes.listing import Listing
from metaadapter.data.decode import upright_size
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.packed import Packed
from metaadapter.data.table import ImageRow
from metaadapter.workflow.predictions import UNKNOWN, Prediction


def answers_in_boxes(
    predictions: Iterable[Prediction],
    labels: Sequence[str],
    rows: Sequence[ImageRow],
    folder: Path,
    classifier: str,
) -> Listing:
    """Return one box for each prediction that shows something, with its probability.

    The box of a whole picture is `WHOLE`. `labels` come first among the categories, in this order.
    `rows` are the predicted pictures; their names are relative to `folder`.
    """
    files = {row.path: row.file for row in rows}
    frames = list[FrameDetections]()
    for path, of_frame in by_frame(predictions):
        boxes = tuple(
            Detection(answer.label, answer.probability, answer.box or WHOLE)
            for answer in of_frame
            if not is_nothing(answer.label)
        )
        frames.append(
            FrameDetections(relative_name(path, folder), boxes, size=_size(files.get(path, path)))
        )
    used = dict.fromkeys(box.category for frame in frames for box in frame.detections)
    possible = [label for label in labels if label != UNKNOWN and not is_nothing(label)]
    names = dict.fromkeys((*possible, *used))
    categories = {str(number): name for number, name in enumerate(names, start=1)}
    return Listing("metaadapter", categories, frames, {"description": classifier}, predicted=True)


def _size(file: Path | Packed) -> tuple[int, int] | None:
    try:
        return upright_size(file)
    except UnreadableImage:  # removed since it was predicted
        return None
