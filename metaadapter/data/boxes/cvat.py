"""CVAT's XML for images, version 1.1: https://docs.cvat.ai/docs/dataset_management/formats/xml_format/.

A box has its corners in pixels. CVAT reads and writes the attribute `score` of a label if the label
declares it, as the labels of our files do. Other exports of CVAT are COCO's, YOLO's or VOC's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from xml.etree.ElementTree import Element, tostring

from metaadapter.data.boxes.frame_detections import WHOLE, Detection, FrameDetections
from metaadapter.data.boxes.listing import (
    ROTATED,
    Listing,
    around,
    in_pixels,
    numbered,
    plain,
    rotated,
)
from metaadapter.data.boxes.xml_tree import add, number_of, size_of, text_of
from metaadapter.data.crop import Box
from metaadapter.data.output_folder import write_output

SCORE = "score"
NO_BOX = "are of a kind that has no box, and are left out"


def read_cvat(root: Element) -> Listing:
    """Read the element `annotations`; other content is a `ValueError`.

    Polygons, masks and the like become the boxes around them, and tags boxes around the picture.
    """
    if root.find("track") is not None:
        raise ValueError("it has tracks of a video; export the task as 'CVAT for images 1.1'")
    names = [text_of(label, "name") for label in root.iter("label")]
    remarks, frames = defaultdict[str, list[str]](list), list[FrameDetections]()
    for image in root.iter("image"):
        try:
            frames.append(_frame(image, remarks))
        except ValueError as error:
            raise ValueError(f"the image {image.get('name', '')!r} is wrong: {error}") from error
    return Listing.of_labels("CVAT", frames, remarks, names)


def write_cvat(listing: Listing, file: Path) -> None:
    """Write pictures, whose sizes must be known; a label without a character of XML is refused."""
    root = Element("annotations")
    add(root, "version", "1.1")
    task = add(add(root, "meta"), "task")
    add(task, "name", listing.description)
    labels = add(task, "labels")
    for name in listing.categories.values():
        label = add(labels, "label")
        add(label, "name", name)
        attributes = add(label, "attributes")
        if listing.is_scored:
            score = add(attributes, "attribute")
            values = {"name": SCORE, "mutable": True, "input_type": "text", "default_value": ""}
            for key, value in values.items():
                add(score, key, value)
            add(score, "values")
    ids = numbered([frame.id for frame in listing.frames], listing.frames, first=0)
    for id, frame in ids.items():
        width, height = frame.known_size
        facts = {"id": id, "name": frame.file, "width": width, "height": height}
        image = add(root, "image", **facts, **({"subset": frame.split} if frame.split else {}))
        for detection in frame.detections:
            _add_shape(image, detection, frame.known_size, is_scored=listing.is_scored)
    write_output(file, tostring(root, encoding="utf-8", xml_declaration=True))


def _frame(image: Element, remarks: Mapping[str, list[str]]) -> FrameDetections:
    size = size_of(image.get("width", ""), image.get("height", ""))
    file, boxes = image.get("name", ""), list[Detection]()
    for shape in image:
        box = WHOLE if shape.tag == "tag" else _box(shape)
        if box is None:
            remarks[NO_BOX].append(f"{file}: {shape.tag}")
            continue
        if _rotation(shape):
            remarks[ROTATED].append(file)
        if shape.tag != "tag" and size is not None:
            box = box.in_fractions(size)
        boxes.append(Detection(shape.get("label", ""), _score(shape), box))
    id, split = image.get("id", ""), image.get("subset") or None
    return FrameDetections(
        file, tuple(boxes), in_pixels=size is None, size=size, id=id, split=split
    )


def _add_shape(
    image: Element, detection: Detection, size: tuple[int, int], *, is_scored: bool
) -> None:
    if detection.box == WHOLE:
        shape = add(image, "tag", label=detection.category, source="manual")
    else:
        box = in_pixels(detection.box, size)
        corners = {"xtl": box.left, "ytl": box.top}
        corners |= {"xbr": plain(box.left + box.width), "ybr": plain(box.top + box.height)}
        facts: Mapping[str, object] = {"source": "manual", "occluded": 0, "z_order": 0, **corners}
        shape = add(image, "box", label=detection.category, **facts)
    if is_scored:
        add(shape, "attribute", detection.confidence, name=SCORE)


def _box(shape: Element) -> Box | None:
    """The box of a shape, or around it, in pixels; `None` if its kind has none."""

    def sides(*names: str) -> list[float]:
        return [number_of(shape.get(name, ""), name) for name in names]

    if shape.tag == "box":
        left, top, right, bottom = sides("xtl", "ytl", "xbr", "ybr")
    elif shape.tag == "ellipse":
        x, y, across, down = sides("cx", "cy", "rx", "ry")
        left, top, right, bottom = x - across, y - down, x + across, y + down
    elif shape.tag == "mask":
        return Box(*sides("left", "top", "width", "height"))
    elif points := shape.get("points"):
        pairs = [pair.partition(",")[::2] for pair in points.split(";")]
        return around((number_of(x, "points"), number_of(y, "points")) for x, y in pairs)
    else:
        return None
    box = Box.of_corners(left, top, right, bottom)
    middle = ((left + right) / 2, (top + bottom) / 2)
    degrees = _rotation(shape)
    return rotated(box, degrees, middle) if degrees else box


def _score(shape: Element) -> float:
    for attribute in shape.iter("attribute"):
        if attribute.get("name") == SCORE and (attribute.text or "").strip():
            return min(max(number_of(attribute.text or "", SCORE), 0.0), 1.0)
    return 1.0


def _rotation(shape: Element) -> float:
    return number_of(shape.get("rotation", "0"), "rotation")
