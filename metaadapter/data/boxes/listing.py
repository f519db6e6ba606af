"""The content of a file or folder of boxes, in any format."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, TypeAlias, TypeVar

from pydantic import Field

from metaadapter.data.boxes.frame_detections import WHOLE, Detection, FrameDetections
from metaadapter.data.crop import Box

Name = TypeVar("Name")
Share: TypeAlias = Annotated[float, Field(ge=0, le=1.001)]
"""A confidence or score; single precision may exceed 1 a little."""
Pixels: TypeAlias = Annotated[int, Field(ge=0, le=1_000_000)]
"""The width or height of a picture; 0 if it is not known."""
ROTATED = "are rotated, and the upright boxes around them are used"
CUT = "reach beyond their pictures, and are cut at the edge"
NO_RECTANGLE = "are no rectangles in their pictures, and are left out"


class Listing(NamedTuple):
    """The boxes in many pictures, and what a user should know about them."""

    format: str
    categories: Mapping[str, str]
    """Category ID → name, in the order of the file."""
    frames: Sequence[FrameDetections]
    info: Mapping[str, Any] = {}
    remarks: Mapping[str, Sequence[str]] = {}
    """The end of a sentence about boxes → a description of each such box."""

    predicted: bool = False
    """Whether the confidences are those of a program, and say something even if all are 1."""

    @classmethod
    def of_labels(
        cls,
        format: str,
        frames: Sequence[FrameDetections],
        remarks: Mapping[str, Sequence[str]],
        names: Iterable[str] = (),
    ) -> Listing:
        """A listing whose categories are `names`, and the labels of the boxes beside them."""
        labels = (box.category for frame in frames for box in frame.detections)
        known = dict.fromkeys((*names, *labels))
        categories = {str(number): name for number, name in enumerate(known)}
        return cls(format, categories, frames, remarks=remarks)

    @property
    def is_scored(self) -> bool:
        """Whether the boxes have confidences; those of a person are all 1."""
        return self.predicted or any(
            box.confidence != 1 for frame in self.frames for box in frame.detections
        )

    @property
    def description(self) -> str:
        """The name of the program that made the boxes."""
        return str(self.info.get("description", "metaadapter"))

    @property
    def of_whole_pictures(self) -> bool:
        """Whether every label is that of a whole picture."""
        return all(box.box == WHOLE for frame in self.frames for box in frame.detections)

    def warnings(self, source: object) -> list[str]:
        """One sentence for each kind of unusual box."""
        return [
            f"{len(boxes)} box(es) of {source} {fate}; the first is in {boxes[0]}"
            for fate, boxes in self.remarks.items()
        ]


def checked(listing: Listing) -> Listing:
    """Cut boxes at the edge of their pictures and leave out those without an area, and say so."""
    remarks = {fate: [*boxes] for fate, boxes in listing.remarks.items()}
    frames = []
    for frame in listing.frames:
        kept = list[Detection]()
        for detection in frame.detections:
            box, fate = _within(detection.box, frame.in_pixels)
            if fate:
                remarks.setdefault(fate, []).append(f"{frame.file}: {[*detection.box]}")
            if box is not None:
                kept.append(detection if box is detection.box else detection._replace(box=box))
        frames.append(frame._replace(detections=tuple(kept)))
    return listing._replace(frames=frames, remarks=remarks)


def around(points: Iterable[tuple[float, float]]) -> Box:
    """The upright box around points (x, y); a `ValueError` without points."""
    across, down = zip(*points, strict=True)
    return Box.of_corners(min(across), min(down), max(across), max(down))


def rotated(box: Box, degrees: float, pivot: tuple[float, float]) -> Box:
    """The upright box around a box that is turned clockwise around a pivot (x, y), in pixels."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = [
        (x - pivot[0], y - pivot[1])
        for x in (box.left, box.left + box.width)
        for y in (box.top, box.top + box.height)
    ]
    return around((pivot[0] + cos * x - sin * y, pivot[1] + sin * x + cos * y) for x, y in corners)


def in_pixels(box: Box, size: tuple[int, int]) -> Box:
    """A box in fractions as pixels, without the noise of the last digits: 10, not 10.000000001."""
    width, height = size
    sides = (box.left * width, box.top * height, box.width * width, box.height * height)
    return Box(*map(plain, sides))


def plain(number: float) -> float:
    """A number rounded to twelve digits, which every number that a person typed survives."""
    return float(f"{number:.12g}")


def numbered(ids: Iterable[str], values: Sequence[Name], first: int) -> dict[int, Name]:
    """Number → value: the numbers that a file gives in `ids`, or new ones if they are none."""
    numbers = [int(id) for id in ids if id.isascii() and id.isdecimal()]
    if len({*numbers}) != len(values):
        numbers = [*range(first, first + len(values))]
    return dict(zip(numbers, values, strict=True))


def _within(box: Box, in_pixels: bool) -> tuple[Box | None, str]:
    """The part of a box in its picture, and the fate to tell the user, "" for a usual box."""
    if min(box.width, box.height) > 0 and (in_pixels or box.is_within):
        return box, ""
    left, top = max(box.left, 0.0), max(box.top, 0.0)
    right, bottom = min(box.left + box.width, 1.0), min(box.top + box.height, 1.0)
    part = Box.of_corners(left, top, right, bottom)
    if not in_pixels and min(box.width, box.height) > 0 and part.is_within:
        return part, CUT
    return None, NO_RECTANGLE
