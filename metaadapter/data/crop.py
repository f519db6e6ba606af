"""Parts of pictures, such as a detector's boxes, that are read like whole pictures."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from PIL import Image

from metaadapter.data.packed import Packed

# Added to each side of a box, as a fraction of its longer side: surroundings help recognition.
MARGIN = 0.1


class Box(NamedTuple):
    """A rectangle in an upright picture, in fractions of the picture's width and height."""

    left: float
    top: float
    width: float
    height: float

    @classmethod
    def of_corners(cls, left: float, top: float, right: float, bottom: float) -> Box:
        """The box between two corners."""
        return cls(left, top, right - left, bottom - top)

    def in_fractions(self, size: tuple[int, int]) -> Box:
        """This box, in pixels of a picture of a size that is not 0, as fractions of it."""
        width, height = size
        return Box(self.left / width, self.top / height, self.width / width, self.height / height)

    @property
    def is_within(self) -> bool:
        """True if this is a rectangle with an area, within the picture up to rounding."""
        left, top, width, height = self
        # A number that is none, or infinite, fails a comparison.
        return (
            width > 0
            and height > 0
            and left >= -0.01
            and top >= -0.01
            and left + width <= 1.01
            and top + height <= 1.01
        )


class Crop(NamedTuple):
    """A picture file and a box in it; accepted wherever a picture is."""

    file: Path | Packed
    box: Box


def cut_out(picture: Image.Image, box: Box) -> Image.Image:
    """Cut out a box with a margin, as a square if the picture is large enough.

    An encoder sees only the middle square of a picture, so the ends of a long box would be lost.
    """
    width, height = picture.size
    side = (1 + 2 * MARGIN) * max(box.width * width, box.height * height)
    columns = _span((box.left + box.width / 2) * width, side, width)
    rows = _span((box.top + box.height / 2) * height, side, height)
    return picture.crop((columns[0], rows[0], columns[1], rows[1]))


def _span(middle: float, length: float, limit: int) -> tuple[int, int]:
    n = min(max(round(length), 1), limit)
    start = min(max(round(middle - n / 2), 0), limit - n)
    return start, start + n
