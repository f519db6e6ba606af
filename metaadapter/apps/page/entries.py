"""The entries that a project consists of: classes, pictures, boxes, settings and settled advice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from metaadapter.apps.advice.kinds import Form
from metaadapter.apps.advice.kinds import Kind as AdviceKind
from metaadapter.data.boxes.frame_detections import ANIMAL
from metaadapter.data.crop import Box

NONE: Final = "none"
"""The label of a picture that shows none of the classes; no class has this id."""
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")]
Action = Literal["move", "none", "keep", "dismiss"]


class Entry(BaseModel):
    """An entry, which an edit replaces as a whole."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ClassEntry(Entry):
    """A class: its name, its description, and its place in the order of the classes."""

    name: str
    description: str = ""
    place: int


class BoxEntry(Entry):
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


class CropEntry(BoxEntry):
    """A box whose content is a picture of the project."""

    frame: Id
    """The picture that the box is cut out of."""


class PictureEntry(Entry):
    """A picture: the name of its file, its labels, and its place in the order of the pictures."""

    name: str
    labels: tuple[Id | Literal["none"], ...] = ()
    """The ids of its classes, or only `NONE` if it shows none of them; empty in the tray."""
    place: int
    time: str | None = None
    """The time when it was taken (ISO 8601)."""
    crop: CropEntry | None = None
    """The box that it is cut out of; `None` for a whole picture."""
    boxes: tuple[BoxEntry, ...] | None = None
    """The boxes of a frame that are no pictures: people, vehicles, and animals that the detector
    is not sure of; `None` without a detector."""

    @property
    def is_frame(self) -> bool:
        """True if its boxes are sorted instead of the whole picture."""
        return self.boxes is not None and not self.labels


class SettingsEntry(Entry):
    """The settings of a project."""

    several: bool = False
    """Whether a picture can show several classes; the other settings are for camera traps."""
    burst: float | None = None
    """Most seconds between two frames of a series; `None` if no series are formed."""
    allowed: tuple[Id, ...] | None = None
    """The classes that occur; `None` means all."""
    detector: str = ""
    """The name of the detector, as its file says it."""


class AdviceEntry(Entry):
    """A settled piece of advice, as the person saw it, and the action."""

    kind: AdviceKind
    sentence: str
    classes: tuple[str, ...]
    pictures: tuple[str, ...]
    form: Form
    values: dict[str, str | int | tuple[str, ...]]
    action: Action


Kind = Literal["class", "picture", "settings", "advice"]
KINDS: Mapping[Kind, type[Entry]] = {
    "class": ClassEntry,
    "picture": PictureEntry,
    "settings": SettingsEntry,
    "advice": AdviceEntry,
}
ONLY = "0"
"""The id of the settings, of which a project has one entry."""
