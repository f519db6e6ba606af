"""Label Studio's tasks: its export as JSON, and predictions that it imports.

Boxes (`rectanglelabels`) are in percent of the picture; a choice stands for the whole picture.
https://labelstud.io/guide/export, https://labelstud.io/guide/predictions
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from pydantic import BaseModel

from metaadapter.data.boxes.frame_detections import WHOLE, Detection, FrameDetections
from metaadapter.data.boxes.listing import NO_RECTANGLE, Listing, Pixels, around, in_pixels, plain
from metaadapter.data.crop import Box
from metaadapter.data.walk import is_picture
from metaadapter.files.output_folder import write_output
from metaadapter.files.strict_json import json_text

LOCAL_FILES = "/data/local-files/?d="
UPLOAD = re.compile(r"\A/?data/upload/(\d+/)?")
SEVERAL = "results have several choices, and are left out"
SEVERAL_ANNOTATIONS = "tasks have several annotations, and the first is used"


class _Result(BaseModel):
    value: dict[str, Any] = {}
    original_width: Pixels | None = None
    original_height: Pixels | None = None
    score: float | None = None

    @property
    def size(self) -> tuple[int, int] | None:
        """The size of the picture in pixels, if it is given."""
        width, height = self.original_width, self.original_height
        return (width, height) if width and height else None


class _Annotation(BaseModel):
    result: list[_Result] = []
    was_cancelled: bool | None = None


class _Task(BaseModel):
    data: dict[str, Any]
    annotations: list[_Annotation] | None = None
    predictions: list[Any] = []
    """Annotations; exports may have only their numbers."""


def is_label_studio(value: Any) -> bool:
    """Return whether parsed JSON is a list of tasks."""
    first = value[0] if isinstance(value, list) and value else None
    return isinstance(first, dict) and isinstance(first.get("data"), dict)


def read_label_studio(value: Any) -> Listing:
    """Read parsed JSON; other content is a `ValidationError` of pydantic, or a `ValueError`.

    Predictions count where the file has no annotations, as in the files that are imported.
    """
    tasks = [_Task.model_validate(row) for row in value]
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
        frames.append(FrameDetections(name, boxes, size=size))
    return Listing.of_labels("Label Studio", frames, remarks)


def write_label_studio(listing: Listing, file: Path) -> None:
    """Write tasks with predictions.

    Pictures are named as local files, relative to Label Studio's root of documents. The
    description becomes the `model_version`. Sizes must be known, except of pictures with choices.
    """
    choices = listing.of_whole_pictures
    tasks = []
    for frame in listing.frames:
        shares = [box.confidence for box in frame.detections]
        prediction = {
            "model_version": listing.description,
            "score": sum(shares) / len(shares) if shares else 0.0,
            "result": [
                _choice(number, box) if choices else _rectangle(number, box, frame.known_size)
                for number, box in enumerate(frame.detections)
            ],
        }
        data = {"image": LOCAL_FILES + quote(frame.file)}
        tasks.append({"data": data, "predictions": [prediction]})
    write_output(file, json_text(tasks))


def _choice(number: int, box: Detection) -> dict[str, Any]:
    return {
        "id": f"box{number}",
        "to_name": "image",
        "from_name": "choice",
        "type": "choices",
        "value": {"choices": [box.category]},
        "score": box.confidence,
    }


def _rectangle(number: int, box: Detection, size: tuple[int, int]) -> dict[str, Any]:
    sides = zip(("x", "y", "width", "height"), in_pixels(box.box, (100, 100)), strict=True)
    return {
        "id": f"box{number}",
        "to_name": "image",
        "from_name": "label",
        "type": "rectanglelabels",
        "original_width": size[0],
        "original_height": size[1],
        "image_rotation": 0,
        "value": {**dict(sides), "rotation": 0, "rectanglelabels": [box.category]},
        "score": box.confidence,
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
            if (box := _box(value)) is None:
                remarks[NO_RECTANGLE].append(name)
            else:
                yield Detection(label, score, box)


def _label(value: Mapping[str, Any]) -> tuple[str, bool]:
    """The label of a result, and whether it has several."""
    given = [value[key] for key in value if key == "choices" or key.endswith("labels")]
    labels = [str(label) for some in given if isinstance(some, list) for label in some]
    return labels[0] if labels else "", len(labels) > 1


def _box(value: Mapping[str, Any]) -> Box | None:
    """The box of a region, or around a polygon; `None` if it has none, or if it is rotated."""
    try:
        if "points" in value:
            box = around((float(x), float(y)) for x, y in value["points"])
        elif float(value.get("rotation") or 0):
            return None
        else:
            box = Box(*(float(value[key]) for key in ("x", "y", "width", "height")))
    except (KeyError, TypeError, ValueError):
        return None
    return Box(*(plain(side / 100) for side in box))


def _picture(data: Mapping[str, Any]) -> str:
    """The address of the picture among the data of a task."""
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    if "image" in texts:
        return texts["image"]
    named = [value for value in texts.values() if is_picture(Path(_name(value)))]
    return next(iter(named), "")


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
