"""CVAT's XML for images, version 1.1: https://docs.cvat.ai/docs/dataset_management/formats/xml_format/.

A box has its corners in pixels, and no score. Other exports of CVAT are COCO's, YOLO's or VOC's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from xml.etree.ElementTree import Element, tostring

from metaadapter.data.boxes.frame_detections import WHOLE, Detection, FrameDetections
from metaadapter.data.boxes.listing import NO_RECTANGLE, Listing, around, in_pixels, plain
from metaadapter.data.boxes.xml_tree import add, number_of, size_of, text_of
from metaadapter.data.crop import Box
from metaadapter.files.output_folder import write_output


def is_cvat(content: object) -> bool:
    """Return whether a content is the root element of CVAT's XML."""
    return isinstance(content, Element) and content.tag == "annotations"


def read_cvat(root: Element) -> Listing:
    """Read the element `annotations`; other content is a `ValueError`.

    Polygons become the boxes around them, and tags boxes around the picture.
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
        add(label, "attributes")
    for id, frame in enumerate(listing.frames):
        width, height = frame.known_size
        image = add(root, "image", id=id, name=frame.file, width=width, height=height)
        for detection in frame.detections:
            _add_shape(image, detection, frame.known_size)
    write_output(file, tostring(root, encoding="utf-8", xml_declaration=True))


def _frame(image: Element, remarks: Mapping[str, list[str]]) -> FrameDetections:
    size = size_of(image.get("width", ""), image.get("height", ""))
    file, boxes = image.get("name", ""), list[Detection]()
    for shape in image:
        box = WHOLE if shape.tag == "tag" else _box(shape)
        if box is None:
            remarks[NO_RECTANGLE].append(f"{file}: {shape.tag}")
            continue
        if shape.tag != "tag":
            box = box.in_fractions(size)
        boxes.append(Detection(shape.get("label", ""), 1.0, box))
    split = image.get("subset") or None
    return FrameDetections(file, tuple(boxes), size=size, split=split)


def _add_shape(image: Element, detection: Detection, size: tuple[int, int]) -> None:
    if detection.box == WHOLE:
        add(image, "tag", label=detection.category, source="manual")
        return
    box = in_pixels(detection.box, size)
    corners: dict[str, object] = {"xtl": box.left, "ytl": box.top}
    corners |= {"xbr": plain(box.left + box.width), "ybr": plain(box.top + box.height)}
    add(image, "box", label=detection.category, source="manual", occluded=0, z_order=0, **corners)


def _box(shape: Element) -> Box | None:
    """The box of a shape, or around it, in pixels; `None` if its kind has none, or if it turns."""
    if number_of(shape.get("rotation", "0"), "rotation"):
        return None
    if shape.tag == "box":
        sides = (number_of(shape.get(name, ""), name) for name in ("xtl", "ytl", "xbr", "ybr"))
        return Box.of_corners(*sides)
    if points := shape.get("points"):
        pairs = [pair.partition(",")[::2] for pair in points.split(";")]
        return around((number_of(x, "points"), number_of(y, "points")) for x, y in pairs)
    return None
