"""Label Studio's tasks: its exports as JSON, JSON-MIN and CSV, and predictions that it imports.

Boxes (`rectanglelabels`) are in percent of the picture; a choice stands for the whole picture.
https://labelstud.io/guide/export, https://labelstud.io/guide/predictions
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from pydantic import BaseModel

from metaadapter.data.boxes.frame_detections import WHOLE, Detection, FrameDetections
from metaadapter.data.boxes.listing import (
    ROTATED,
    Listing,
    around,
    in_pixels,
    plain,
    rotated,
)
from metaadapter.data.crop import Box
from metaadapter.data.output_folder import write_output
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.data.walk import is_picture

# Columns of every row of JSON-MIN and CSV, beside those of the task and the answers.
MARKS = {"annotation_id", "annotator", "lead_time"}
OF_ROW = {*MARKS, "id", "created_at", "updated_at", "agreement", "history"}
CHOICE_NAMES = ("choice", "choices", "label", "class")
LOCAL_FILES = "/data/local-files/?d="
LARGEST = 1_000_000  # pixels of a side
UPLOAD = re.compile(r"\A/?data/upload/(\d+/)?")
SEVERAL = "have several choices, and are left out"
NO_BOX = "have a region without a box, which is left out"
SEVERAL_ANNOTATIONS = "have several annotations, and the first is used"


class _Result(BaseModel):
    value: dict[str, Any] = {}
    original_width: int | None = None
    original_height: int | None = None
    score: float | None = None

    @property
    def size(self) -> tuple[int, int] | None:
        """The size of the picture in pixels, if it is given."""
        width, height = self.original_width or 0, self.original_height or 0
        return (width, height) if 0 < min(width, height) <= max(width, height) <= LARGEST else None


class _Annotation(BaseModel):
    result: list[_Result] = []
    was_cancelled: bool | None = None


class _Task(BaseModel):
    id: int | str = ""
    data: dict[str, Any]
    annotations: list[_Annotation] | None = None
    predictions: list[Any] = []
    """Annotations; exports may have only their numbers."""


def is_label_studio(value: Any) -> bool:
    """Return whether parsed JSON is a list of tasks, or of rows of JSON-MIN."""
    first = value[0] if isinstance(value, list) and value else None
    is_task = isinstance(first, dict) and isinstance(first.get("data"), dict)
    return is_task or (isinstance(first, dict) and first.keys() >= MARKS)


def is_label_studio_table(head: str) -> bool:
    """Return whether the first line of a text is that of a CSV or TSV export."""
    return {cell.strip().strip('"') for cell in re.split("[,\t]", head)} >= MARKS


def read_label_studio(value: Any) -> Listing:
    """Read parsed JSON; other content is a `ValidationError` of pydantic, or a `ValueError`.

    Predictions count where the file has no annotations, as in the files that are imported.
    """
    if wrong := [number for number, row in enumerate(value) if not isinstance(row, dict)]:
        raise ValueError(f"entry {wrong[0]} is no task")
    tasks = [_Task.model_validate(row if "data" in row else _task(row)) for row in value]
    remarks, frames = defaultdict[str, list[str]](list), list[FrameDetections]()
    for task in tasks:
        made = task.annotations
        if made is None:
            made = [_Annotation.model_validate(prediction) for prediction in task.predictions]
        made = [annotation for annotation in made if not annotation.was_cancelled]
        name = _name(_picture(task.data))
        if len(made) > 1:
            remarks[SEVERAL_ANNOTATIONS].append(name)
        results = made[0].result if made else []
        boxes = tuple(_detections(results, name, remarks))
        size = next((result.size for result in results if result.size), None)
        frames.append(FrameDetections(name, boxes, size=size, id=str(task.id)))
    return Listing.of_labels("Label Studio", frames, remarks)


def read_label_studio_table(text: str) -> Listing:
    """Read a CSV or TSV export; other content is a `ValueError`."""
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    rows = csv.DictReader(io.StringIO(text), delimiter=delimiter, strict=True)
    try:
        return read_label_studio([{key or "": cell for key, cell in row.items()} for row in rows])
    except csv.Error as error:
        raise ValueError(f"line {rows.line_num} cannot be read: {error}") from error


def write_label_studio(listing: Listing, file: Path) -> None:
    """Write tasks: with predictions if boxes have confidences, otherwise with annotations.

    Pictures are named as local files, relative to Label Studio's root of documents. The
    description becomes the `model_version`. Sizes must be known, except of pictures with choices.
    """
    kind = "predictions" if listing.is_scored else "annotations"
    choices = listing.of_whole_pictures
    tasks = []
    for frame in listing.frames:
        results = [
            _result(number, box, frame, is_scored=listing.is_scored, choices=choices)
            for number, box in enumerate(frame.detections)
        ]
        made: dict[str, Any] = {}
        if listing.is_scored:
            made["model_version"] = listing.description
            shares = [box.confidence for box in frame.detections]
            made["score"] = sum(shares) / len(shares) if shares else 0.0
        made["result"] = results
        task: dict[str, Any] = {"data": {"image": LOCAL_FILES + quote(frame.file)}, kind: [made]}
        tasks.append({"id": int(frame.id), **task} if frame.id.isdecimal() else task)
    write_output(file, json_text(tasks))


def _result(
    number: int, box: Detection, frame: FrameDetections, *, is_scored: bool, choices: bool
) -> dict[str, Any]:
    score = {"score": box.confidence} if is_scored else {}
    head = {"id": f"box{number}", "to_name": "image"}
    if choices:
        value: dict[str, Any] = {"choices": [box.category]}
        return {**head, "from_name": "choice", "type": "choices", "value": value, **score}
    width, height = frame.known_size
    sides = in_pixels(box.box, (100, 100))
    value = dict(zip(("x", "y", "width", "height"), sides, strict=True))
    return {
        **head,
        "from_name": "label",
        "type": "rectanglelabels",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "value": {**value, "rotation": 0, "rectanglelabels": [box.category]},
        **score,
    }


def _detections(
    results: Iterable[_Result], name: str, remarks: Mapping[str, list[str]]
) -> Iterator[Detection]:
    for result in results:
        value, score = result.value, 1.0 if result.score is None else result.score
        score = min(max(score, 0.0), 1.0)
        label, several = _label(value)
        if several:
            remarks[SEVERAL].append(name)
        elif "choices" in value:
            yield Detection(label, score, WHOLE)
        elif any(key.endswith("labels") for key in value):
            box = _box(result)
            if box is None:
                remarks[NO_BOX].append(name)
                continue
            if value.get("rotation"):
                remarks[ROTATED].append(name)
            yield Detection(label, score, box)


def _label(value: Mapping[str, Any]) -> tuple[str, bool]:
    """The label of a result, and whether it has several."""
    given = [value[key] for key in value if key == "choices" or key.endswith("labels")]
    labels = [str(label) for some in given if isinstance(some, list) for label in some]
    return labels[0] if labels else "", len(labels) > 1


def _box(result: _Result) -> Box | None:
    """The box of a region, or the upright box around it; `None` if it has none."""
    value = result.value
    try:
        if "points" in value:
            box = around((float(x), float(y)) for x, y in value["points"])
        elif "radiusX" in value:
            x, y, across, down = (float(value[key]) for key in ("x", "y", "radiusX", "radiusY"))
            box = Box(x - across, y - down, 2 * across, 2 * down)
        else:
            box = Box(*(float(value[key]) for key in ("x", "y", "width", "height")))
        # A polygon does not turn: its points are where they are drawn.
        degrees = float(value.get("rotation") or 0) if "x" in value else 0.0
    except (KeyError, TypeError, ValueError):
        return None
    if degrees:
        # Percent of a width and of a height differ in length; a region turns around its corner.
        size = result.size or (100, 100)
        pixels = in_pixels(box.in_fractions((100, 100)), size)
        pivot = (float(value["x"]) / 100 * size[0], float(value["y"]) / 100 * size[1])
        return rotated(pixels, degrees, pivot).in_fractions(size)
    return Box(*(plain(side / 100) for side in box))


def _picture(data: Mapping[str, Any]) -> str:
    """The address of the picture among the data of a task."""
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    if "image" in texts:
        return texts["image"]
    named = [value for value in texts.values() if is_picture(Path(_name(value)))]
    return next(iter([*named, *texts.values()]), "")


def _name(address: str) -> str:
    """The name of a picture from its address in Label Studio."""
    try:
        parts = urlsplit(address)
    except ValueError:  # no address, but perhaps a name such as "[1].jpg"
        return address
    if given := parse_qs(parts.query).get("d"):
        return given[0].lstrip("/")
    if parts.scheme in ("http", "https", "s3", "gs", "azure-blob", "file"):
        address = parts.path
    return UPLOAD.sub("", unquote(address), count=1).lstrip("/")


def _task(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of JSON-MIN or CSV as a task; its columns are named by whoever set up the project."""
    cells = {key: _parsed(cell) for key, cell in row.items() if key not in OF_ROW}
    results: list[dict[str, Any]] = []
    for cell in cells.values():
        for item in cell if isinstance(cell, list) else [cell]:
            if isinstance(item, dict):
                size = {key: item.get(key, 0) for key in ("original_width", "original_height")}
                results.append({"value": item, **size})
    texts = [key for key, cell in cells.items() if isinstance(cell, str) and cell]
    address = _picture({key: cells[key] for key in texts})
    others = [key for key in texts if cells[key] != address]
    choice = next((key for key in CHOICE_NAMES if key in others), None)
    choice = others[0] if choice is None and len(others) == 1 else choice
    if not results and choice is not None:
        results = [{"value": {"choices": [cells[choice]]}}]
    data = {"image": address}
    return {"id": row.get("id") or "", "data": data, "annotations": [{"result": results}]}


def _parsed(cell: Any) -> Any:
    if not isinstance(cell, str) or cell[:1] not in ("[", "{"):
        return cell
    try:
        return parse_json(cell)
    except ValueError:
        return cell
