"""A part of a picture, such as a detector's box, that is read as a picture of its own."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from PIL import Image

# Of the longer side of a box, on each side of it: what stands around an animal helps to tell it.
MARGIN = 0.1


class Box(NamedTuple):
    """A rectangle in an upright picture, in fractions of the picture's width and height."""

    left: float
    top: float
    width: float
    height: float

    @property
    def is_within(self) -> bool:
        """Whether it is a rectangle with an area that lies in the picture, but for rounding."""
        sides = (self.left, self.top, self.left + self.width, self.top + self.height)
        return (
            all(map(math.isfinite, self))
            and min(self.width, self.height) > 0
            and all(-0.01 <= side <= 1.01 for side in sides)
        )


class Crop(NamedTuple):
    """A box of the picture in a file; it can be given wherever a picture can."""

    path: Path
    box: Box


def cut_out(picture: Image.Image, box: Box) -> Image.Image:
    """The box with a margin around it, as a square where the picture is large enough.

    An encoder looks at the middle square of what it is given, so the ends of a long box would be
    lost. The square is moved into the picture where it would stand out of it.
    """
    width, height = picture.size
    side = (1 + 2 * MARGIN) * max(box.width * width, box.height * height)
    columns = _span((box.left + box.width / 2) * width, side, width)
    rows = _span((box.top + box.height / 2) * height, side, height)
    return picture.crop((columns[0], rows[0], columns[1], rows[1]))


def _span(middle: float, length: float, limit: int) -> tuple[int, int]:
    """Whole pixels from and to, as many as `length` or all there are, around `middle`."""
    n = min(max(round(length), 1), limit)
    start = min(max(round(middle - n / 2), 0), limit - n)
    return start, start + n
