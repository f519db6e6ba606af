"""The changes of contents that an edit makes: to classes and to pictures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from metaadapter.apps.page.contents import NONE, Change, ClassEntry, Contents, PictureEntry
from metaadapter.apps.page.forms import MAX_CLASSES
from metaadapter.apps.page.labelling import NewLabel, require_plain_names, with_label
from metaadapter.apps.page.refusal import Refusal
from metaadapter.data.class_names import same_label_spelling
from metaadapter.data.plain_text import one_line
from metaadapter.workflow.predictions import NONE_OF_THESE


def add_classes(
    contents: Contents, names: Mapping[str, str], description: str = ""
) -> tuple[Change, ...]:
    """The changes that add classes, given as id → name, all with the same description."""
    if len(contents.classes) + len(names) > MAX_CLASSES:
        raise Refusal(
            409,
            "too-many",
            f"A project has at most {MAX_CLASSES} classes. Remove some first.",
            most=MAX_CLASSES,
        )
    if any(label in contents.classes for label in names):
        raise Refusal(409, "invalid", "There is already a class with this id.")
    if contents.several:
        require_plain_names(names.values())
    taken = {same_label_spelling(entry.name): entry.name for entry in contents.classes.values()}
    for name in names.values():
        _require_free(name, taken)
        taken[same_label_spelling(name)] = name
    entries = {
        label: ClassEntry(name=name, description=description, place=place)
        for place, (label, name) in enumerate(names.items(), next_place(contents.classes))
    }
    return contents.changes("class", entries)


def change_class(
    contents: Contents, label: str, name: str | None, description: str | None
) -> tuple[Change, ...]:
    """The changes that rename or describe a class; `None` leaves that part as it is."""
    before = contents.require_class(label)
    others = [entry.name for other, entry in contents.classes.items() if other != label]
    if name is not None and contents.several:
        require_plain_names([name])
    if name is not None:
        _require_free(name, {same_label_spelling(other): other for other in others})
    parts = {"name": name, "description": description}
    after = before.model_copy(
        update={part: value for part, value in parts.items() if value is not None}
    )
    return contents.changes("class", {label: after})


def remove_class(contents: Contents, label: str) -> tuple[Change, ...]:
    """The changes that remove a class; its pictures keep their other classes, or go to the tray."""
    contents.require_class(label)
    rest: dict[str, NewLabel] = {
        picture: tuple(one for one in contents.pictures[picture].labels if one != label) or None
        for picture in contents.pictures_of(label)
    }
    return (*move_pictures(contents, rest), *contents.changes("class", {label: None}))


def label_pictures(contents: Contents, labels: Mapping[str, NewLabel]) -> tuple[Change, ...]:
    """The changes that give each picture its label, or several classes."""
    contents.require_pictures(labels)
    for label in set(labels.values()):
        for one in label if isinstance(label, tuple) else (label,):
            if one not in (None, NONE):
                contents.require_class(one)
    return move_pictures(contents, labels)


def move_pictures(contents: Contents, labels: Mapping[str, NewLabel]) -> tuple[Change, ...]:
    """The changes of `label_pictures` without checks, since the same edit may add the classes."""
    entries = {
        picture: with_label(contents, contents.pictures[picture], label)
        for picture, label in labels.items()
    }
    return contents.changes("picture", entries)


def add_pictures(
    contents: Contents,
    names: Mapping[str, str],
    labels: Mapping[str, NewLabel],
    times: Mapping[str, datetime | None] | None = None,
) -> tuple[Change, ...]:
    """The changes that add pictures (id → name) to their classes in `labels`, or to the tray."""
    entries = {
        picture: with_label(
            contents,
            PictureEntry(
                name=one_line(name),
                place=place,
                time=time.isoformat() if (time := (times or {}).get(picture)) else None,
            ),
            labels.get(picture),
        )
        for place, (picture, name) in enumerate(names.items(), next_place(contents.pictures))
    }
    return contents.changes("picture", entries)


def remove_pictures(contents: Contents, pictures: Iterable[str]) -> tuple[Change, ...]:
    """The changes that remove pictures from the project, frames with their boxes."""
    removals = dict.fromkeys(pictures)
    contents.require_pictures(removals)
    for crops in contents.crops_of(removals).values():
        removals |= dict.fromkeys(crops)
    return contents.changes("picture", removals)


def next_place(entries: Mapping[str, ClassEntry | PictureEntry]) -> int:
    """The first place after those of all entries."""
    return 1 + max((entry.place for entry in entries.values()), default=-1)


def _require_free(name: str, taken: Mapping[str, str]) -> None:
    if same_label_spelling(name) == same_label_spelling(NONE_OF_THESE):
        raise Refusal(
            409,
            "name-reserved",
            f"No class has the name {NONE_OF_THESE!r}: it is for pictures of none of the classes.",
            name=NONE_OF_THESE,
        )
    other = taken.get(same_label_spelling(name))
    if other is None:
        return
    hint = " Capitals, spaces, underscores and invisible characters do not count."
    sentence = f"There is already a class {other!r}.{'' if other == name else hint}"
    raise Refusal(409, "name-taken", sentence, name=other)
