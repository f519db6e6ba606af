"""COCO's JSON of object detection: https://cocodataset.org/#format-data.

A box is [left, top, width, height] in pixels. The results of a detector have a `score` as well.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from metaadapter.data.boxes.frame_detections import Detection, FrameDetections
from metaadapter.data.boxes.listing import (
    NO_RECTANGLE,
    Listing,
    Pixels,
    Share,
    around,
    in_pixels,
    numbered,
)
from metaadapter.data.crop import Box
from metaadapter.data.output_folder import write_output
from metaadapter.data.strict_json import json_text

CROWD = "surround crowds (iscrowd), and are left out"


class _Image(BaseModel):
    id: int | str
    file_name: str
    width: Pixels | None = None
    height: Pixels | None = None


class _Category(BaseModel):
    id: int | str
    name: str


class _Annotation(BaseModel):
    image_id: int | str
    category_id: int | str
    bbox: tuple[float, float, float, float] | tuple[()] | None = None
    segmentation: Any = None
    iscrowd: int = 0
    score: Share = 1.0


class _Coco(BaseModel):
    images: list[_Image]
    categories: list[_Category]
    annotations: list[_Annotation]


def is_coco(value: Any) -> bool:
    """Return whether parsed JSON is COCO's."""
    return isinstance(value, dict) and {"images", "annotations", "categories"} <= value.keys()


def read_coco(value: Any) -> Listing:
    """Read parsed JSON; other content is a `ValidationError` of pydantic, or a `ValueError`.

    The box of a segmentation without one is the box around its polygons.
    """
    model = _Coco.model_validate(value)
    names = {str(category.id): category.name for category in model.categories}
    sizes = {str(image.id): (image.width or 0, image.height or 0) for image in model.images}
    boxes, remarks = defaultdict[str, list[Detection]](list), defaultdict[str, list[str]](list)
    for number, annotation in enumerate(model.annotations):
        image, category = str(annotation.image_id), str(annotation.category_id)
        if image not in sizes or category not in names:
            wrong = f"image {image}" if image not in sizes else f"category {category}"
            raise ValueError(f"annotation {number} has the {wrong}, which the file does not list")
        box = _box(annotation)
        if annotation.iscrowd:
            remarks[CROWD].append(f"image {image}")
        elif box is None:
            remarks[NO_RECTANGLE].append(f"image {image}")
        else:
            box = box.in_fractions(sizes[image]) if min(sizes[image]) else box
            boxes[image].append(Detection(names[category], annotation.score, box))
    frames = [
        FrameDetections(
            image.file_name,
            tuple(boxes[str(image.id)]),
            in_pixels=not min(sizes[str(image.id)]),
            size=sizes[str(image.id)] if min(sizes[str(image.id)]) else None,
            id=str(image.id),
        )
        for image in model.images
    ]
    if repeated := [id for id, n in Counter(frame.id for frame in frames).items() if n > 1]:
        raise ValueError(f"it has several images of the id {repeated[0]}")
    return Listing("COCO", names, frames, remarks=remarks)


def write_coco(listing: Listing, file: Path) -> None:
    """Write pictures, whose sizes must be known; scores only if a box is no person's."""
    categories = numbered(listing.categories, [*listing.categories.values()], first=1)
    ids = {name: number for number, name in categories.items()}
    images = numbered([frame.id for frame in listing.frames], range(len(listing.frames)), first=1)
    annotations = [
        {
            "image_id": image,
            "category_id": ids[detection.category],
            "bbox": [*box],
            "area": box.width * box.height,
            "segmentation": [],
            "iscrowd": 0,
            **({"score": detection.confidence} if listing.is_scored else {}),
        }
        for image, frame in zip(images, listing.frames, strict=True)
        for detection in frame.detections
        for box in [in_pixels(detection.box, frame.known_size)]
    ]
    document = {
        "info": {"description": listing.description},
        "images": [
            dict(zip(("id", "file_name", "width", "height"), values, strict=True))
            for image, frame in zip(images, listing.frames, strict=True)
            for values in [(image, frame.file, *frame.known_size)]
        ],
        "categories": [{"id": number, "name": name} for number, name in categories.items()],
        "annotations": [{"id": n, **value} for n, value in enumerate(annotations, start=1)],
    }
    write_output(file, json_text(document))


def _box(annotation: _Annotation) -> Box | None:
    if annotation.bbox:
        return Box(*annotation.bbox)
    polygons = annotation.segmentation
    try:
        sides = [side for polygon in polygons for side in polygon]
        return around((float(x), float(y)) for x, y in zip(sides[::2], sides[1::2], strict=True))
    except (TypeError, ValueError):  # no polygons, but a mask or nothing
        return None
