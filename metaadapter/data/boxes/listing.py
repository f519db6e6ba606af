"""The content of a file or folder of boxes, in any format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple, TypeAlias

from pydantic import Field

from metaadapter.data.boxes.frame_detections import WHOLE, Detection, FrameDetections
from metaadapter.data.crop import Box

Share: TypeAlias = Annotated[float, Field(ge=0, le=1.001)]
"""A confidence or score; single precision may exceed 1 a little."""
Pixels: TypeAlias = Annotated[int, Field(ge=0, le=1_000_000)]
"""The width or height of a picture; 0 if it is not known."""
MOST_NAMED = 3
CUT = "boxes reach beyond their pictures, and are cut at the edge"
NO_RECTANGLE = "boxes are no upright rectangles in their pictures, and are left out"


class Listing(NamedTuple):
    """The boxes in many pictures, and what a user should know about them."""

    format: str
    categories: Mapping[str, str]
    """Category ID → name, in the order of the file."""
    frames: Sequence[FrameDetections]
    info: Mapping[str, Any] = {}
    remarks: Mapping[str, Sequence[str]] = {}
    """The end of a sentence, such as "boxes are …" → the name of each such box or picture."""

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
    def description(self) -> str:
        """The name of the program that made the boxes."""
        return str(self.info.get("description", "metaadapter"))

    @property
    def of_whole_pictures(self) -> bool:
        """Whether every label is that of a whole picture."""
        return all(box.box == WHOLE for frame in self.frames for box in frame.detections)

    def warnings(self, source: object) -> list[str]:
        """One sentence for each kind of unusual box."""
        return sentences(self.remarks, source)


def sentences(remarks: Mapping[str, Sequence[str]], source: object) -> list[str]:
    """One sentence for each remark, with the number and the first names of what it is about."""
    return [
        f"{len(names)} {remark} ({source}): {', '.join([*dict.fromkeys(names)][:MOST_NAMED])}"
        f"{', …' if len({*names}) > MOST_NAMED else ''}"
        for remark, names in remarks.items()
    ]


def checked(listing: Listing) -> Listing:
    """Cut boxes at the edge of their pictures and leave out those without an area, and say so."""
    remarks = {fate: [*boxes] for fate, boxes in listing.remarks.items()}
    frames = []
    for frame in listing.frames:
        kept = list[Detection]()
        for detection in frame.detections:
            box, fate = _within(detection.box)
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


def in_pixels(box: Box, size: tuple[int, int]) -> Box:
    """A box in fractions as pixels, without the noise of the last digits: 10, not 10.000000001."""
    width, height = size
    sides = (box.left * width, box.top * height, box.width * width, box.height * height)
    return Box(*map(plain, sides))


def plain(number: float) -> float:
    """A number rounded to twelve digits, which every number that a person typed survives."""
    return float(f"{number:.12g}")


def _within(box: Box) -> tuple[Box | None, str]:
    """The part of a box in its picture, and the fate to tell the user, "" for a usual box."""
    if box.is_within:
        return box, ""
    left, top = max(box.left, 0.0), max(box.top, 0.0)
    right, bottom = min(box.left + box.width, 1.0), min(box.top + box.height, 1.0)
    part = Box.of_corners(left, top, right, bottom)
    if min(box.width, box.height) > 0 and part.is_within:
        return part, CUT
    return None, NO_RECTANGLE
