"""The entries of a project about camera traps: boxes in frames, series, and allowed species."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from metaadapter.data.boxes.frame_detections import ANIMAL
from metaadapter.data.crop import Box

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")]


class BoxEntry(BaseModel, frozen=True, extra="forbid"):
    """A box in a frame; a person drew, moved or accepted it if its confidence is 1."""

    category: str = ANIMAL
    """The detector's category, such as "animal" or "person"."""
    confidence: float = 1.0
    sides: tuple[float, float, float, float]
    """Left, top, width and height, in fractions of the frame."""

    @property
    def box(self) -> Box:
        """The place of the box."""
        return Box(*self.sides)


class CropEntry(BoxEntry, frozen=True, extra="forbid"):
    """A box whose content is a picture of the project."""

    frame: Id
    """The picture that the box is cut out of."""


class DetectionsEntry(BaseModel, frozen=True, extra="forbid"):
    """A detector's file that lists frames whose pictures have not come yet."""

    file: str
    """Its name."""
    missing: int
    """The number of these frames."""
    example: str
    """The name of the first of them."""


class FieldEntry(BaseModel, frozen=True, extra="forbid"):
    """The settings of a project for camera traps."""

    burst: float | None
    """Most seconds between two frames of a series; `None` if no series are formed."""
    allowed: tuple[Id, ...] | None
    """The classes that occur; `None` means all."""
    detector: str = ""
    """The name of the detector, as its file says it."""


NO_SETTINGS = FieldEntry(burst=None, allowed=None)
