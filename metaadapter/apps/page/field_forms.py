"""The requests and responses for camera traps: boxes, frames, settings and counts."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from metaadapter.apps.page.forms import Name, PictureId, RefusedFile, RequestForm, Revised
from metaadapter.data.crop import Box

Fraction = Annotated[float, Field(ge=-0.01, le=1.01, allow_inf_nan=False)]


def _within(sides: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    if not Box(*sides).is_within:
        raise ValueError("a box must be a rectangle within its frame")
    return sides


Sides = Annotated[tuple[Fraction, Fraction, Fraction, Fraction], AfterValidator(_within)]


class BoxesAdded(Revised):
    """The result of a detector's file."""

    frames: int
    """Frames that got their boxes."""
    boxes: int
    """Boxes of animals, which are pictures now."""
    others: int
    """Boxes of people and vehicles."""
    empty: int
    """Frames without a box that the detector is sure of."""
    known_already: int
    """Frames that keep the boxes that they had."""
    missing: int
    """Frames in the file that the project does not have."""
    refused: list[RefusedFile]


class BoxChange(RequestForm):
    """A change of a box: add (`before` is null), remove (`after` is null), move, or accept it."""

    before: Sides | None = None
    after: Sides | None = None


class BoxChanged(Revised):
    """The picture of the changed box; `null` if the box was removed."""

    picture: PictureId | None


class FrameBox(BaseModel):
    """A box in a frame."""

    sides: tuple[float, float, float, float]
    """Left, top, width and height, in fractions of the frame."""
    category: str
    confidence: float
    picture: str | None
    """Its picture; `null` for a person, a vehicle, or a box that the detector is not sure of."""


class FrameState(BaseModel):
    """A frame with its boxes."""

    id: str
    name: str
    time: str | None
    series: str | None
    """The first frame of its series."""
    boxes: list[FrameBox]


class Frames(Revised):
    """All frames, in the page's order."""

    frames: list[FrameState]


class FieldChange(RequestForm):
    """New settings: seconds between the frames of a series, and names of classes that occur."""

    burst: Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)] | None = None
    allowed: Annotated[list[Name], Field(max_length=1000)] | None = None


class SpeciesCount(BaseModel, from_attributes=True):
    """How often a label was seen at a camera."""

    label: str
    camera: str
    individuals: int
    pictures: int


class Counts(BaseModel):
    """The counts of all labels at all cameras."""

    counts: list[SpeciesCount]
