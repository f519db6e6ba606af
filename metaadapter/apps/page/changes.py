"""The changes of contents that an edit makes: to classes, pictures, their labels and boxes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count, filterfalse
from typing import NamedTuple, TypeAlias

from metaadapter.apps.page.contents import Change, Contents
from metaadapter.apps.page.entries import (
    NONE,
    BoxEntry,
    ClassEntry,
    CropEntry,
    PictureEntry,
)
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.routes.forms import MAX_CLASSES
from metaadapter.data.boxes.frame_detections import Detection
from metaadapter.data.class_names import same_label_spelling
from metaadapter.data.crop import Box
from metaadapter.data.decode import crop_hash
from metaadapter.data.label_sets import SEPARATORS
from metaadapter.workflow.prediction.predictions import NONE_OF_THESE

Labels: TypeAlias = tuple[str, ...]
"""The labels that a picture gets: its classes, `NONE` alone, or nothing for the tray."""


def add_classes(
    contents: Contents, names: Mapping[str, str], described: Mapping[str, str] | None = None
) -> tuple[Change, ...]:
    """The changes that add classes, given as id → name; some may be `described`.

    They get the first free places, so that all others keep theirs, and with them their numbers.
    """
    if len(contents.classes) + len(names) > MAX_CLASSES:
        sentence = f"A project has at most {MAX_CLASSES} classes. Remove some first."
        raise Refusal(409, "too-many", sentence, most=MAX_CLASSES)
    if any(label in contents.classes for label in names):
        raise Refusal(409, "invalid", "There is already a class with this id.")
    if contents.settings.several:
        require_plain_names(names.values())
    taken = {same_label_spelling(entry.name): entry.name for entry in contents.classes.values()}
    for name in names.values():
        _require_free(name, taken)
        taken[same_label_spelling(name)] = name
    places = [entry.place for entry in contents.classes.values()]
    free = filterfalse(places.__contains__, count())
    entries = {
        label: ClassEntry(name=name, description=(described or {}).get(label, ""), place=place)
        for place, (label, name) in zip(free, names.items(), strict=False)
    }
    return contents.changes("class", entries)


def change_class(
    contents: Contents, label: str, name: str | None, description: str | None
) -> tuple[Change, ...]:
    """The changes that rename or describe a class; `None` leaves that part as it is."""
    before = contents.require_class(label)
    others = [entry.name for other, entry in contents.classes.items() if other != label]
    if name is not None and contents.settings.several:
        require_plain_names([name])
    if name is not None:
        _require_free(name, {same_label_spelling(other): other for other in others})
    parts = {"name": name, "description": description}
    after = before.model_copy(
        update={part: value for part, value in parts.items() if value is not None}
    )
    return contents.changes("class", {label: after})


def remove_class(contents: Contents, label: str, into: Labels = ()) -> tuple[Change, ...]:
    """The changes that remove a class; its pictures get the class `into`, or go to the tray.

    They keep their other classes.
    """
    for one in (label, *into):
        contents.require_class(one)
    if label in into:
        raise Refusal(409, "invalid", "A class cannot be merged into itself. Choose another one.")
    rest: dict[str, Labels] = {}
    for key in contents.piles()[label]:
        others = [one for one in contents.pictures[key].labels if one != label]
        rest[key] = tuple(dict.fromkeys((*others, *into)))
    return (*move_pictures(contents, rest), *contents.changes("class", {label: None}))


def label_pictures(contents: Contents, labels: Mapping[str, Labels]) -> tuple[Change, ...]:
    """The changes that give each picture its labels."""
    contents.require_pictures(labels)
    for label in {one for of_picture in labels.values() for one in of_picture} - {NONE}:
        contents.require_class(label)
    return move_pictures(contents, labels)


def move_pictures(contents: Contents, labels: Mapping[str, Labels]) -> tuple[Change, ...]:
    """The changes of `label_pictures` without checks, since the same edit may add the classes."""
    entries = {
        picture: with_labels(contents, contents.pictures[picture], of_picture)
        for picture, of_picture in labels.items()
    }
    return contents.changes("picture", entries)


def add_pictures(
    contents: Contents, pictures: Mapping[str, PictureEntry], labels: Mapping[str, Labels]
) -> tuple[Change, ...]:
    """The changes that add pictures to their classes in `labels`, or to the tray.

    A picture that the project has moves from the tray to its new class; with several labels it gets
    the new class, too. If its new name begins with more folders, it is kept: folders are cameras.
    """
    changed: dict[str, PictureEntry] = {}
    for place, (key, new) in enumerate(pictures.items(), next_place(contents.pictures)):
        before, own = contents.pictures.get(key), labels.get(key, ())
        entry = before or new.model_copy(update={"labels": (), "place": place})
        if before is None or before.boxes is None:
            if contents.settings.several or not entry.labels:
                entry = with_labels(contents, entry, joined_labels(entry.labels, own))
            if new.name.endswith(f"/{entry.name}"):
                entry = entry.model_copy(update={"name": new.name})
        if entry != before:
            changed[key] = entry
    return contents.changes("picture", changed)


def remove_pictures(contents: Contents, pictures: Iterable[str]) -> tuple[Change, ...]:
    """The changes that remove pictures from the project, frames with their boxes."""
    removals = dict.fromkeys(pictures)
    contents.require_pictures(removals)
    for crops in contents.crops_of(removals).values():
        removals |= dict.fromkeys(crops)
    return contents.changes("picture", removals)


def next_place(entries: Mapping[str, PictureEntry]) -> int:
    """The first place after those of all pictures."""
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


def set_several(contents: Contents, *, several: bool) -> tuple[Change, ...]:
    """The changes after which a picture can show several classes, or only one again."""
    settings = contents.settings
    if several:
        require_plain_names(entry.name for entry in contents.classes.values())
        has_series = settings.burst is not None or settings.allowed is not None
        if has_series or any(entry.boxes is not None for entry in contents.pictures.values()):
            raise takes_one_label("A project with boxes or series of camera traps")
    elif n := sum(len(entry.labels) > 1 for entry in contents.pictures.values()):
        raise Refusal(
            409,
            "several-in-use",
            f"{n} of the pictures show several classes. Give each of them one class first.",
            n=n,
        )
    return contents.change_settings(several=several)


def require_one_label(contents: Contents, what: str) -> None:
    """Refuse `what`, the subject of a sentence, in a project of several labels."""
    if contents.settings.several:
        raise takes_one_label(what)


def takes_one_label(what: str) -> Refusal:
    """The refusal of `what`, the subject of a sentence, because pictures have several labels."""
    return Refusal(
        409,
        "several-labels",
        f"{what} works only where each picture has one label.",
    )


def require_plain_names(names: Iterable[str]) -> None:
    """Refuse names that a manifest of several labels would read as something else."""
    for name in names:
        if SEPARATORS.search(name):
            raise Refusal(
                409,
                "name-separator",
                f"The name {name!r} has ; or |, which stand between labels. Choose another name.",
                name=name,
            )


def with_labels(contents: Contents, entry: PictureEntry, labels: Labels) -> PictureEntry:
    """The entry with other labels; a `Refusal` of several in a project of one label."""
    if len(labels) > 1 and not contents.settings.several:
        raise Refusal(422, "one-label", "In the project a picture has one label. Give one class.")
    return entry.model_copy(update={"labels": labels})


def joined_labels(labels: Labels, more: Labels) -> Labels:
    """The labels of a picture that is put into further classes."""
    both = dict.fromkeys((*labels, *more))
    return tuple(one for one in both if one != NONE) or tuple(both)


class DetectedFrame(NamedTuple):
    """The boxes that become pictures, and the others, in a picture of the project."""

    animals: tuple[Detection, ...]
    """The surest first."""
    others: tuple[Detection, ...]
    """People, vehicles, and animals of which the detector is less sure."""
    time: str | None


def add_boxes(contents: Contents, frames: Mapping[str, DetectedFrame]) -> tuple[Change, ...]:
    """The changes that give pictures of the project their boxes.

    A label describes a whole frame, so it goes to the surest box. A labelled frame without a box
    stays an example as a whole.
    """
    entries: dict[str, PictureEntry | None] = {}
    place = next_place(contents.pictures)
    for frame, detected in frames.items():
        before = contents.pictures[frame]
        labels = before.labels
        for detection in detected.animals:
            crop, entry = _crop(frame, before, _entry(detection))
            if crop in contents.pictures or crop in entries:
                continue
            entries[crop] = entry.model_copy(update={"labels": labels, "place": place})
            labels, place = (), place + 1
        entries[frame] = before.model_copy(
            update={
                "labels": labels,
                "time": before.time or detected.time,
                "boxes": tuple(map(_entry, detected.others)),
            }
        )
    return contents.changes("picture", entries)


def change_box(
    contents: Contents, frame: str, before: Box | None, after: Box | None
) -> tuple[Change, ...]:
    """The changes that add a box (`before` is `None`), remove it (`after` is `None`) or move it.

    An unchanged box is accepted: it becomes a picture if it is none, such as a box of which the
    detector was not sure. A box that a person draws in a picture without boxes makes it a frame.
    """
    contents.require_pictures([frame])
    entry, entries = contents.pictures[frame], dict[str, PictureEntry | None]()
    others, place = entry.boxes or (), next_place(contents.pictures)
    # A label describes the whole frame, until it has a box.
    labels = () if entry.labels == (NONE,) else entry.labels
    if before is not None:
        old = crop_hash(frame, before)
        others = tuple(other for other in others if other.box != before)
        if old in contents.pictures:
            labels, place = contents.pictures[old].labels, contents.pictures[old].place
            entries[old] = None
        elif len(others) == len(entry.boxes or ()):
            raise Refusal(404, "no-such-box", "This box no longer exists. Load the page again.")
    whole = entry.model_copy(update={"boxes": others})
    if after is not None:
        crop, new = _crop(frame, entry, BoxEntry(sides=after))
        if crop in contents.pictures and crop not in entries:
            raise Refusal(409, "same-box", "There is already this box.")
        entries[crop] = new.model_copy(update={"labels": labels, "place": place})
        whole = whole.model_copy(update={"labels": ()})
    if whole != entry:
        entries[frame] = whole
    return contents.changes("picture", entries)


def _entry(detection: Detection) -> BoxEntry:
    return BoxEntry(
        category=detection.category, confidence=detection.confidence, sides=detection.box
    )


def _crop(frame: str, entry: PictureEntry, box: BoxEntry) -> tuple[str, PictureEntry]:
    """The id and the entry of the picture in a box of a frame."""
    crop = CropEntry(category=box.category, confidence=box.confidence, sides=box.sides, frame=frame)
    new = PictureEntry(name=entry.name, place=0, time=entry.time, crop=crop)
    return crop_hash(frame, box.box), new
