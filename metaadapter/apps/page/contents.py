"""The contents of a project, and edits of them that can be undone.

An edit replaces entries, and keeps each entry as it was before. So every edit can be undone in the
same way as it is made, and a list of edits is the whole history of a project.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field, model_serializer

from metaadapter.apps.page.advice_entry import AdviceEntry
from metaadapter.apps.page.field_entries import (
    NO_SETTINGS,
    BoxEntry,
    CropEntry,
    DetectionsEntry,
    FieldEntry,
    Id,
)
from metaadapter.apps.page.labelling_entry import LABELLING, LabellingEntry
from metaadapter.apps.page.refusal import Refusal

SETTINGS = "0"
"""The id of the settings for camera traps."""
Kind = Literal["class", "picture", "settings", "advice", "labelling", "detections"]
EditKind = Literal[
    "added-boxes",
    "added-class",
    "added-pictures",
    "changed-box",
    "changed-class",
    "changed-labelling",
    "changed-settings",
    "forgot-detections",
    "kept-detections",
    "removed-class",
    "removed-pictures",
    "settled-advice",
    "sorted-pictures",
]
NONE: Final = "none"
"""The label of a picture that shows none of the classes; no class has this id."""


class ClassEntry(BaseModel, frozen=True, extra="forbid"):
    """A class: its name, its description, and its place in the order of the classes."""

    name: str
    description: str = ""
    place: int


class PictureEntry(BaseModel, frozen=True, extra="forbid"):
    """A picture: the name of its file, its labels, and its place in the order of the pictures."""

    name: str
    label: Id | Literal["none"] | None = None
    """The id of its class, `NONE` if it shows none of them, or `None` in the tray."""
    also: tuple[Id, ...] = ()
    """The other classes that it shows, in a project of several labels."""
    place: int
    time: str | None = None
    """The time when it was taken (ISO 8601)."""
    crop: CropEntry | None = None
    """The box that it is cut out of; `None` for a whole picture."""
    boxes: tuple[BoxEntry, ...] | None = None
    """The boxes of a frame that are no pictures: people, vehicles, and animals that the detector
    is not sure of; `None` without a detector."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The ids of all its classes, or only `NONE`; empty in the tray."""
        return () if self.label is None else (self.label, *self.also)

    @property
    def is_frame(self) -> bool:
        """True if its boxes are sorted instead of the whole picture."""
        return self.boxes is not None and self.label is None

    @model_serializer(mode="wrap")
    def _without_none(self, dump: Callable[[PictureEntry], dict[str, Any]]) -> dict[str, Any]:
        values = dump(self)
        empty = {"also"} if not self.also else set()
        return {
            key: value
            for key, value in values.items()
            if key == "label" or (value is not None and key not in empty)
        }


Entry = ClassEntry | PictureEntry | FieldEntry | AdviceEntry | LabellingEntry | DetectionsEntry


class Change(BaseModel, frozen=True, extra="forbid"):
    """One entry before and after an edit; `None` where the entry does not exist."""

    kind: Kind
    id: Id
    before: Entry | None
    after: Entry | None


class Origin(BaseModel, frozen=True):
    """Who made an edit and when; all parts are "" where nobody knows."""

    by: str = ""
    """The name that a person gave in the browser."""
    at: str = ""
    """The time in UTC, as ISO 8601 writes it."""
    key: str = ""
    """The client's name of this request, so that a request sent twice is done once."""


class Edit(BaseModel, frozen=True, extra="forbid"):
    """Changes that are made, undone and redone together, and a sentence that describes them."""

    message: Annotated[str, Field(validation_alias="said", serialization_alias="said")]
    changes: tuple[Change, ...]
    origin: Annotated[Origin, Field(exclude=True)] = Origin()

    @classmethod
    def of(cls, message: str, changes: Iterable[Change], origin: Origin | None = None) -> Edit:
        """Make an edit from changes that are known to be valid."""
        origin = origin or Origin()
        return cls.model_construct(message=message, changes=tuple(changes), origin=origin)

    @property
    def pictures(self) -> list[str]:
        """The ids of the pictures that the edit changes."""
        return [change.id for change in self.changes if change.kind == "picture"]

    @property
    def wording(self) -> tuple[EditKind, dict[str, str | int]]:
        """The kind of the edit and its name or number, for pages in another language."""
        kind: EditKind
        classes = [change for change in self.changes if change.kind == "class"]
        pictures = [change for change in self.changes if change.kind == "picture"]
        if any(change.kind == "advice" for change in self.changes):
            return "settled-advice", {}
        if any(change.kind == "labelling" for change in self.changes):
            return "changed-labelling", {}
        for change in self.changes if not pictures else ():
            if isinstance(entry := change.after or change.before, DetectionsEntry):
                kind = "kept-detections" if change.after else "forgot-detections"
                return kind, {"name": entry.file}
        if not classes and not pictures:
            return "changed-settings", {}
        changed = [change for change in pictures if _boxes(change.before) != _boxes(change.after)]
        if n_frames := sum(bool(change.before and change.after) for change in changed):
            is_new = all(_boxes(change.before) == (None, None) for change in changed)
            return ("added-boxes", {"n": n_frames}) if is_new else ("changed-box", {})
        if any(change.after for change in changed):
            return "changed-box", {}
        if any(change.before is None for change in pictures):
            return "added-pictures", {"n": len(pictures)}
        if not classes:
            is_removal = all(change.after is None for change in pictures)
            return "removed-pictures" if is_removal else "sorted-pictures", {"n": len(pictures)}
        before, after = classes[0].before, classes[0].after
        entry = after or before
        assert isinstance(entry, ClassEntry)
        kind = "changed-class" if before and after else "added-class"
        return "removed-class" if after is None else kind, {"name": entry.name}


def _boxes(entry: Entry | None) -> tuple[CropEntry | None, tuple[BoxEntry, ...] | None]:
    return (entry.crop, entry.boxes) if isinstance(entry, PictureEntry) else (None, None)


@dataclass(slots=True)
class Contents:
    """The entries by their ids, and the edits that can be undone and redone, the latest last."""

    classes: dict[str, ClassEntry] = field(default_factory=dict)
    pictures: dict[str, PictureEntry] = field(default_factory=dict)
    done: list[Edit] = field(default_factory=list)
    undone: list[Edit] = field(default_factory=list)
    stored_settings: dict[str, FieldEntry] = field(default_factory=dict)
    """The settings for camera traps, if there are any, by the id `SETTINGS`."""
    settled: dict[str, AdviceEntry] = field(default_factory=dict)
    """The pieces of advice that a person has settled, the latest last."""
    labelling: dict[str, LabellingEntry] = field(default_factory=dict)
    """How many labels a picture has, if it is not one, by the id `LABELLING`."""
    waiting: dict[str, DetectionsEntry] = field(default_factory=dict)
    """The detectors' files with frames whose pictures have not come yet, by their ids."""
    derived: dict[str, Any] = field(default_factory=dict, compare=False)
    """Values that take long to compute from the entries; every edit empties it."""

    def make(self, edit: Edit) -> None:
        """Make an edit; edits that were undone before can no longer be redone."""
        self._set(edit, reverse=False)
        self.done.append(edit)
        self.undone.clear()

    def undo(self) -> None:
        """Undo the latest edit."""
        self.undone.append(self.done.pop())
        self._set(self.undone[-1], reverse=True)

    def redo(self) -> None:
        """Redo the edit that was undone last."""
        self.done.append(self.undone.pop())
        self._set(self.done[-1], reverse=False)

    @property
    def ordered_classes(self) -> list[str]:
        """The ids of the classes, in the order in which the page shows them."""
        return sorted(self.classes, key=lambda label: self.classes[label].place)

    @property
    def settings(self) -> FieldEntry:
        """The settings for camera traps."""
        return self.stored_settings.get(SETTINGS, NO_SETTINGS)

    @property
    def several(self) -> bool:
        """Whether a picture can show several classes."""
        entry = self.labelling.get(LABELLING)
        return entry is not None and entry.several

    @property
    def kept_pictures(self) -> set[str]:
        """Every picture with a file, also those that an undo or redo can bring back."""
        past = (
            (change.id, entry)
            for edit in (*self.done, *self.undone)
            for change in edit.changes
            for entry in (change.before, change.after)
        )
        return {
            picture
            for picture, entry in (*self.pictures.items(), *past)
            if isinstance(entry, PictureEntry) and entry.crop is None
        }

    @property
    def kept_detections(self) -> set[str]:
        """Every detector's file that waits, also those that an undo or redo can bring back."""
        edits = (*self.done, *self.undone)
        changes = (change for edit in edits for change in edit.changes)
        return {*self.waiting, *(change.id for change in changes if change.kind == "detections")}

    def crops_of(self, frames: Iterable[str]) -> dict[str, list[str]]:
        """Frame → the pictures that are cut out of it, in the page's order."""
        crops: dict[str, list[str]] = {frame: [] for frame in frames}
        for picture, entry in sorted(self.pictures.items(), key=lambda item: item[1].place):
            if entry.crop is not None and entry.crop.frame in crops:
                crops[entry.crop.frame].append(picture)
        return crops

    def pictures_of(self, label: str | None) -> list[str]:
        """The pictures of a class, of the tray (`None`), or of no class (`NONE`), in order.

        A frame is not in the tray: its boxes are.
        """
        pictures = [
            picture
            for picture, entry in self.pictures.items()
            if label in (entry.labels or (None,)) and not entry.is_frame
        ]
        return sorted(pictures, key=lambda picture: self.pictures[picture].place)

    def piles(self) -> dict[str | None, list[str]]:
        """Class, `NONE`, or `None` for the tray → its `pictures_of`, of all in one pass.

        A picture of several classes is in the pile of each.
        """
        piles: dict[str | None, list[str]] = {
            label: [] for label in (*self.ordered_classes, NONE, None)
        }
        for picture, entry in sorted(self.pictures.items(), key=lambda item: item[1].place):
            for label in () if entry.is_frame else entry.labels or (None,):
                piles.setdefault(label, []).append(picture)
        return piles

    def require_class(self, label: str) -> ClassEntry:
        """Return the class with this id; raise a `Refusal` if there is no such class."""
        if label not in self.classes:
            raise Refusal(404, "no-such-class", "This class no longer exists. Load the page again.")
        return self.classes[label]

    def require_pictures(self, pictures: Iterable[str]) -> None:
        """Raise a `Refusal` unless all these pictures exist."""
        if any(picture not in self.pictures for picture in pictures):
            raise Refusal(
                404, "no-such-picture", "This picture no longer exists. Load the page again."
            )

    def _entries(self, kind: Kind) -> dict[str, Any]:
        entries: dict[Kind, dict[str, Any]] = {
            "class": self.classes,
            "picture": self.pictures,
            "settings": self.stored_settings,
            "advice": self.settled,
            "labelling": self.labelling,
            "detections": self.waiting,
        }
        return entries[kind]

    def changes(self, kind: Kind, entries: Mapping[str, Entry | None]) -> tuple[Change, ...]:
        """The changes that set entries, given as id → entry; `None` removes an entry."""
        before = self._entries(kind)
        return tuple(
            Change(kind=kind, id=key, before=before.get(key), after=entry)
            for key, entry in entries.items()
        )

    def _set(self, edit: Edit, *, reverse: bool) -> None:
        self.derived.clear()
        for change in edit.changes:
            entry = change.before if reverse else change.after
            if entry is None:
                self._entries(change.kind).pop(change.id, None)
            else:
                self._entries(change.kind)[change.id] = entry
