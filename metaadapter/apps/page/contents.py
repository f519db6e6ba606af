"""The contents of a project, and edits of them that can be undone.

An edit replaces entries, and keeps each entry as it was before. So every edit can be undone in the
same way as it is made, and a list of edits is the whole history of a project.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict

from metaadapter.apps.page.entries import (
    KINDS,
    NONE,
    ONLY,
    AdviceEntry,
    ClassEntry,
    Entry,
    Kind,
    PictureEntry,
    SettingsEntry,
)
from metaadapter.apps.page.refusal import Refusal

SHOWN_STEPS = 200
What: TypeAlias = Literal["edit", "undo", "redo"]
EditKind = Literal[
    "added-boxes",
    "added-class",
    "added-pictures",
    "changed-box",
    "changed-class",
    "changed-labelling",
    "changed-settings",
    "merged-class",
    "moved-pictures",
    "put-back",
    "put-into",
    "put-to-none",
    "removed-class",
    "removed-pictures",
    "settled-advice",
    "sorted-pictures",
]


class Change(NamedTuple):
    """One entry before and after an edit; `None` where the entry does not exist."""

    kind: Kind
    id: str
    before: Entry | None
    after: Entry | None


class Origin(BaseModel):
    """Who made an edit and when; all parts are "" where nobody knows."""

    model_config = ConfigDict(frozen=True)

    by: str = ""
    """The name that a person gave in the browser."""
    at: str = ""
    """The time in UTC, as ISO 8601 writes it."""
    key: str = ""
    """The client's name of this request, so that a request sent twice is done once."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Changes that are made, undone and redone together, and a sentence that describes them."""

    message: str
    changes: tuple[Change, ...]
    kind: EditKind = "changed-settings"
    """The kind, with the name or number in the sentence, for pages in another language."""
    values: Mapping[str, str | int] = field(default_factory=dict)
    origin: Origin = field(default_factory=Origin)
    drop: str = ""
    """The client's name of the drop whose portion of pictures the edit adds."""

    @property
    def pictures(self) -> list[str]:
        """The ids of the pictures that the edit changes."""
        return [*dict.fromkeys(change.id for change in self.changes if change.kind == "picture")]

    def adding(self, changes: tuple[Change, ...]) -> Edit:
        """This edit with a further portion of a drop."""
        edit = replace(self, changes=self.changes + changes)
        n = len(edit.pictures)
        return replace(edit, message=f"Added {n_pictures(n)}", values={"n": n})

    @property
    def entries(self) -> dict[str, dict[str, Any]]:
        """The entries after the edit as JSON values, kind → id → entry or `None`."""
        after: dict[str, dict[str, Any]] = {}
        for kind, key, _, entry in self.changes:
            values = entry and entry.model_dump(mode="json", exclude_defaults=True)
            after.setdefault(kind, {})[key] = values
        return after


def n_pictures(n: int) -> str:
    """A number of pictures in words."""
    return "1 picture" if n == 1 else f"{n:,} pictures"


class Step(NamedTuple):
    """An edit that was made, undone or redone, and by whom."""

    what: What
    edit: Edit
    origin: Origin


def _no_entries() -> dict[Kind, dict[str, Any]]:
    return {kind: {} for kind in KINDS}


@dataclass(slots=True)
class Contents:
    """The entries by their ids, and the edits that can be undone and redone, the latest last."""

    entries: dict[Kind, dict[str, Any]] = field(default_factory=_no_entries)
    """Kind → id → entry."""
    done: list[Edit] = field(default_factory=list)
    undone: list[Edit] = field(default_factory=list)
    steps: deque[Step] = field(default_factory=lambda: deque(maxlen=SHOWN_STEPS))
    """The latest steps, the last one last."""
    keys: set[str] = field(default_factory=set)
    """The keys of the requests that were done, and the drops that were undone."""
    derived: dict[str, Any] = field(default_factory=dict, compare=False)
    """Values that take long to compute from the entries; every edit empties it."""

    @property
    def classes(self) -> dict[str, ClassEntry]:
        """The classes by their ids."""
        return self.entries["class"]

    @property
    def pictures(self) -> dict[str, PictureEntry]:
        """The pictures by their ids."""
        return self.entries["picture"]

    @property
    def settled(self) -> dict[str, AdviceEntry]:
        """The pieces of advice that a person has settled, the latest last."""
        return self.entries["advice"]

    @property
    def settings(self) -> SettingsEntry:
        """The settings."""
        settings: SettingsEntry | None = self.entries["settings"].get(ONLY)
        return settings or SettingsEntry()

    def make(self, edit: Edit) -> None:
        """Make an edit; edits that were undone before can no longer be redone.

        A portion of a drop becomes part of the edit that added the portions before it, if it can.
        """
        self.undone.clear()
        steps, place = [*self.steps], self._same_drop(edit)
        self._step("edit", edit, edit.origin)
        if place is None:
            self.done.append(edit)
            return
        before = self.done[place]
        self.done[place] = whole = before.adding(edit.changes)
        for n, step in enumerate(steps):
            if step.what == "edit" and step.edit is before:
                steps[n] = step._replace(edit=whole)
        self.steps = deque(steps, SHOWN_STEPS)

    def _same_drop(self, edit: Edit) -> int | None:
        """The place in `done` of the edit of the same drop.

        The portion will come before the edits since then, so these may change none of its entries,
        nor the classes if it has labels.
        """
        own = {change.id for change in edit.changes}
        needed = {"settings"}
        if any(getattr(after, "labels", True) for *_, after in edit.changes):
            needed.add("class")
        for place in reversed(range(len(self.done) if edit.drop else 0)):
            other = self.done[place]
            if other.drop == edit.drop:
                return place
            if any(kind in needed or key in own for kind, key, _, _ in other.changes):
                break
        return None

    def added_by(self, drop: str) -> set[str]:
        """The pictures that a drop has added, also if it was undone."""
        edits = (edit for edit in (*self.done, *self.undone) if edit.drop == drop)
        return {key for edit in edits for _, key, before, _ in edit.changes if before is None}

    def undo(self, origin: Origin) -> Edit:
        """Undo the latest edit, and return it."""
        self.undone.append(edit := self.done.pop())
        self.keys.add(edit.drop)
        return self._step("undo", edit, origin)

    def redo(self, origin: Origin) -> Edit:
        """Redo the edit that was undone last, and return it."""
        self.done.append(edit := self.undone.pop())
        self.keys.discard(edit.drop)
        return self._step("redo", edit, origin)

    def _step(self, what: What, edit: Edit, origin: Origin) -> Edit:
        self.derived.clear()
        for kind, key, before, after in reversed(edit.changes) if what == "undo" else edit.changes:
            entry = before if what == "undo" else after
            if entry is None:
                self.entries[kind].pop(key, None)
            else:
                self.entries[kind][key] = entry
        self.steps.append(Step(what, edit, origin))
        self.keys |= {origin.key} - {""}
        return edit

    def change_settings(self, **values: object) -> tuple[Change, ...]:
        """The changes that give some settings other values; empty if they have them."""
        after = self.settings.model_copy(update=values)
        return () if after == self.settings else self.changes("settings", {ONLY: after})

    def changes(self, kind: Kind, entries: Mapping[str, Entry | None]) -> tuple[Change, ...]:
        """The changes that set entries, given as id → entry; `None` removes an entry."""
        before = self.entries[kind]
        return tuple(Change(kind, key, before.get(key), entry) for key, entry in entries.items())

    @property
    def ordered_classes(self) -> list[str]:
        """The ids of the classes, in the order in which the page shows them."""
        return sorted(self.classes, key=lambda label: self.classes[label].place)

    @property
    def class_names(self) -> dict[str, str]:
        """Class → its name, in the order in which the page shows them."""
        return {label: self.classes[label].name for label in self.ordered_classes}

    @property
    def ordered_pictures(self) -> list[tuple[str, PictureEntry]]:
        """The pictures and their entries, in the order in which the page shows them."""
        return sorted(self.pictures.items(), key=lambda item: item[1].place)

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
            key
            for key, entry in (*past, *self.pictures.items())
            if isinstance(entry, PictureEntry) and entry.crop is None
        }

    def crops_of(self, frames: Iterable[str]) -> dict[str, list[str]]:
        """Frame → the pictures that are cut out of it, in the page's order."""
        crops: dict[str, list[str]] = {frame: [] for frame in frames}
        for picture, entry in self.ordered_pictures:
            if entry.crop is not None and entry.crop.frame in crops:
                crops[entry.crop.frame].append(picture)
        return crops

    def piles(self) -> dict[str | None, list[str]]:
        """Class, `NONE`, or `None` for the tray → its pictures, in the page's order.

        A picture of several classes is in the pile of each. A frame is in none: its boxes are.
        """
        piles: dict[str | None, list[str]] = {
            label: [] for label in (*self.ordered_classes, NONE, None)
        }
        for picture, entry in self.ordered_pictures:
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
