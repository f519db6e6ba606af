"""Edits of the boxes in frames: those of a detector, and those that a person adds or corrects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from metaadapter.apps.page.changes import next_place
from metaadapter.apps.page.contents import Change, Contents
from metaadapter.apps.page.entries import NONE, BoxEntry, CropEntry, PictureEntry
from metaadapter.apps.page.picture_folder import id_of
from metaadapter.apps.page.refusal import Refusal
from metaadapter.data.boxes.frame_detections import Detection
from metaadapter.data.crop import Box
from metaadapter.data.decode import crop_hash


class DetectedFrame(NamedTuple):
    """The boxes that become pictures, and the others, in a picture of the project."""

    sha256: str
    """The whole hash of the file."""
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
        label = before.label
        for detection in detected.animals:
            crop, entry = _crop(frame, detected.sha256, before, _entry(detection))
            if crop in contents.pictures or crop in entries:
                continue
            entries[crop] = entry.model_copy(update={"label": label, "place": place})
            label, place = None, place + 1
        entries[frame] = before.model_copy(
            update={
                "label": label,
                "time": before.time or detected.time,
                "boxes": tuple(map(_entry, detected.others)),
            }
        )
    return contents.changes("picture", entries)


def change_box(
    contents: Contents, frame: str, sha256: str, before: Box | None, after: Box | None
) -> tuple[Change, ...]:
    """The changes that add a box (`before` is `None`), remove it (`after` is `None`) or move it.

    An unchanged box is accepted: it becomes a picture if it is none, such as a box of which the
    detector was not sure. A box that a person draws in a picture without boxes makes it a frame.
    """
    contents.require_pictures([frame])
    entry, entries = contents.pictures[frame], dict[str, PictureEntry | None]()
    others, place = entry.boxes or (), next_place(contents.pictures)
    # A label describes the whole frame, until it has a box.
    label = None if entry.label == NONE else entry.label
    if before is not None:
        old = id_of(crop_hash(sha256, before))
        others = tuple(other for other in others if other.box != before)
        if old in contents.pictures:
            label, place = contents.pictures[old].label, contents.pictures[old].place
            entries[old] = None
        elif len(others) == len(entry.boxes or ()):
            raise Refusal(404, "no-such-box", "This box no longer exists. Load the page again.")
    whole = entry.model_copy(update={"boxes": others})
    if after is not None:
        crop, new = _crop(frame, sha256, entry, BoxEntry(sides=after))
        if crop in contents.pictures and crop not in entries:
            raise Refusal(409, "same-box", "There is already this box.")
        entries[crop] = new.model_copy(update={"label": label, "place": place})
        whole = whole.model_copy(update={"label": None})
    if whole != entry:
        entries[frame] = whole
    return contents.changes("picture", entries)


def _entry(detection: Detection) -> BoxEntry:
    return BoxEntry(
        category=detection.category, confidence=detection.confidence, sides=detection.box
    )


def _crop(frame: str, sha256: str, entry: PictureEntry, box: BoxEntry) -> tuple[str, PictureEntry]:
    """The id and the entry of the picture in a box; its id is that of the content of the crop."""
    crop = CropEntry(category=box.category, confidence=box.confidence, sides=box.sides, frame=frame)
    new = PictureEntry(name=entry.name, place=0, time=entry.time, crop=crop)
    return id_of(crop_hash(sha256, box.box)), new
