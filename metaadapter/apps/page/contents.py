"""What a project holds: its classes, its pictures and their labels, and edits that can be undone.

An edit sets entries, each of which it knows as it was before. So one rule applies every edit, the
same rule the other way round takes it back, and a list of edits is the whole history of a project.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from metaadapter.apps.page.refusal import Refusal
from metaadapter.data.plain_text import one_line

MOST_CLASSES = 1000
Id = Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")]


class ClassEntry(BaseModel):
    """A class: what it is called, and its place in the order of the classes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    description: str = ""
    place: int


class PictureEntry(BaseModel):
    """A picture: its file's name as it was given, its class, and its place in the order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    label: Id | None = None
    """The id of its class; `None` in the tray."""
    place: int


class Change(BaseModel):
    """One entry as it was before an edit and as it is after it; `None` where there is none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["class", "picture"]
    id: Id
    before: ClassEntry | PictureEntry | None
    after: ClassEntry | PictureEntry | None


class Edit(BaseModel):
    """Changes that are made, undone and made again together, and a sentence that tells of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    said: str
    changes: tuple[Change, ...]


@dataclass(slots=True)
class Contents:
    """The entries by their ids, and the edits that can be undone and made again, latest last."""

    classes: dict[str, ClassEntry] = field(default_factory=dict)
    pictures: dict[str, PictureEntry] = field(default_factory=dict)
    done: list[Edit] = field(default_factory=list)
    undone: list[Edit] = field(default_factory=list)

    def make(self, edit: Edit) -> None:
        """Make an edit; what had been undone before cannot be made again then."""
        self._set(edit, back=False)
        self.done.append(edit)
        self.undone.clear()

    def undo(self) -> Edit:
        """Take the latest edit back."""
        edit = self.done.pop()
        self._set(edit, back=True)
        self.undone.append(edit)
        return edit

    def redo(self) -> Edit:
        """Make the edit again that was undone last."""
        edit = self.undone.pop()
        self._set(edit, back=False)
        self.done.append(edit)
        return edit

    @property
    def ordered_classes(self) -> list[str]:
        """The ids of the classes in their order."""
        return sorted(self.classes, key=lambda each: self.classes[each].place)

    def pictures_of(self, label: str | None) -> list[str]:
        """The pictures of a class, or of the tray, in their order."""
        own = [each for each, entry in self.pictures.items() if entry.label == label]
        return sorted(own, key=lambda each: self.pictures[each].place)

    def require_class(self, label: str) -> ClassEntry:
        """The class of an id; a `Refusal` if there is none."""
        if label not in self.classes:
            raise Refusal(
                404, "no-such-class", "There is no such class any more. Load the page again."
            )
        return self.classes[label]

    def require_pictures(self, pictures: Iterable[str]) -> None:
        """A `Refusal` unless all these pictures are there."""
        if any(each not in self.pictures for each in pictures):
            raise Refusal(
                404, "no-such-picture", "There is no such picture any more. Load the page again."
            )

    def _set(self, edit: Edit, *, back: bool) -> None:
        for change in edit.changes:
            entries: dict[str, object] = getattr(
                self, "classes" if change.kind == "class" else "pictures"
            )
            value = change.before if back else change.after
            if value is None:
                entries.pop(change.id, None)
            else:
                entries[change.id] = value


def add_classes(
    contents: Contents, named: Mapping[str, str], description: str = ""
) -> tuple[Change, ...]:
    """The changes that make classes of these ids and names; names must be new."""
    if len(contents.classes) + len(named) > MOST_CLASSES:
        raise Refusal(
            409, "too-many", f"A project has at most {MOST_CLASSES} classes. Remove some first."
        )
    taken = {entry.name for entry in contents.classes.values()}
    if twice := next((name for name in named.values() if name in taken), None):
        raise Refusal(409, "name-taken", f"There is a class {twice!r} already.")
    first = 1 + max((entry.place for entry in contents.classes.values()), default=-1)
    return tuple(
        Change(
            kind="class",
            id=label,
            before=None,
            after=ClassEntry(name=name, description=description, place=first + number),
        )
        for number, (label, name) in enumerate(named.items())
    )


def change_class(
    contents: Contents, label: str, name: str | None, description: str | None
) -> tuple[Change, ...]:
    """The changes that rename or describe a class; `None` leaves a part as it is."""
    before = contents.require_class(label)
    others = {entry.name for each, entry in contents.classes.items() if each != label}
    if name is not None and name in others:
        raise Refusal(409, "name-taken", f"There is a class {name!r} already.")
    parts = {"name": name, "description": description}
    after = before.model_copy(
        update={part: value for part, value in parts.items() if value is not None}
    )
    return (Change(kind="class", id=label, before=before, after=after),)


def remove_class(contents: Contents, label: str) -> tuple[Change, ...]:
    """The changes that remove a class and put its pictures into the tray."""
    before = contents.require_class(label)
    pictures = dict.fromkeys(contents.pictures_of(label))
    gone = Change(kind="class", id=label, before=before, after=None)
    return (*label_pictures(contents, pictures), gone)


def label_pictures(contents: Contents, labels: Mapping[str, str | None]) -> tuple[Change, ...]:
    """The changes that put each picture into its class, or with `None` into the tray."""
    contents.require_pictures(labels)
    for label in {each for each in labels.values() if each is not None}:
        contents.require_class(label)
    return move_pictures(contents, labels)


def move_pictures(contents: Contents, labels: Mapping[str, str | None]) -> tuple[Change, ...]:
    """The same changes for pictures that are there, into classes that the same edit may make."""
    return tuple(
        Change(
            kind="picture",
            id=picture,
            before=(before := contents.pictures[picture]),
            after=before.model_copy(update={"label": label}),
        )
        for picture, label in labels.items()
    )


def add_pictures(
    contents: Contents, names: Mapping[str, str], labels: Mapping[str, str | None]
) -> tuple[Change, ...]:
    """The changes that add pictures by their names, each to its class in `labels` or the tray."""
    first = 1 + max((entry.place for entry in contents.pictures.values()), default=-1)
    return tuple(
        Change(
            kind="picture",
            id=picture,
            before=None,
            after=PictureEntry(
                name=one_line(name), label=labels.get(picture), place=first + number
            ),
        )
        for number, (picture, name) in enumerate(names.items())
    )


def remove_pictures(contents: Contents, pictures: Iterable[str]) -> tuple[Change, ...]:
    """The changes that remove pictures from the project."""
    pictures = list(dict.fromkeys(pictures))
    contents.require_pictures(pictures)
    return tuple(
        Change(kind="picture", id=each, before=contents.pictures[each], after=None)
        for each in pictures
    )
