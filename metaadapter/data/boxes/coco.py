"""COCO's JSON of object detection: https://cocodataset.org/#format-data.

A box is [left, top, width, height] in pixels. The results of a detector have a `score` as well.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from metaadapter.data.boxes.frame_detections import Detection, FrameDetections
from metaadapter.data.boxes.listing import (
    NO_RECTANGLE,
    Listing,
    Pixels,
    Share,
    in_pixels,
)
from metaadapter.data.crop import Box
from metaadapter.files.output_folder import write_output
from metaadapter.files.strict_json import json_text

NO_SIZE = "boxes are in pictures whose width and height the file lacks, and are left out"


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

    Boxes around crowds (`iscrowd`), and in pictures without a size, are left out.
    """
    model = _Coco.model_validate(value)
    names = {str(category.id): category.name for category in model.categories}
    sizes = {
        str(image.id): (image.width, image.height) if image.width and image.height else None
        for image in model.images
    }
    boxes, remarks = defaultdict[str, list[Detection]](list), defaultdict[str, list[str]](list)
    for number, annotation in enumerate(model.annotations):
        image, category = str(annotation.image_id), str(annotation.category_id)
        if image not in sizes or category not in names:
            wrong = f"image {image}" if image not in sizes else f"category {category}"
            raise ValueError(f"annotation {number} has the {wrong}, which the file does not list")
        size = sizes[image]
        if annotation.iscrowd or not annotation.bbox:
            remarks[NO_RECTANGLE].append(f"image {image}")
        elif size is None:
            remarks[NO_SIZE].append(f"image {image}")
        else:
            box = Box(*annotation.bbox).in_fractions(size)
            boxes[image].append(Detection(names[category], annotation.score, box))
    frames = [
        FrameDetections(image.file_name, tuple(boxes[str(image.id)]), size=sizes[str(image.id)])
        for image in model.images
    ]
    if len(sizes) < len(frames):
        raise ValueError("it has several images of one id")
    return Listing("COCO", names, frames, remarks=remarks)


def write_coco(listing: Listing, file: Path) -> None:
    """Write pictures, whose sizes must be known, and boxes with their scores."""
    ids = {name: number for number, name in enumerate(listing.categories.values(), start=1)}
    images, annotations = list[dict[str, Any]](), list[dict[str, Any]]()
    for image, frame in enumerate(listing.frames, start=1):
        width, height = frame.known_size
        images.append({"id": image, "file_name": frame.file, "width": width, "height": height})
        for detection in frame.detections:
            box = in_pixels(detection.box, frame.known_size)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": ids[detection.category],
                    "bbox": [*box],
                    "area": box.width * box.height,
                    "segmentation": [],
                    "iscrowd": 0,
                    "score": detection.confidence,
                }
            )
    document = {
        "info": {"description": listing.description},
        "images": images,
        "categories": [{"id": number, "name": name} for name, number in ids.items()],
        "annotations": annotations,
    }
    write_output(file, json_text(document))
