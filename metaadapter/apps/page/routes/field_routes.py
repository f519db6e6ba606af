"""The routes for camera traps: a detector's file, frames, their boxes, and settings."""

from __future__ import annotations

from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AfterValidator, Field

from metaadapter.apps.field.species import folded
from metaadapter.apps.page.changes import change_box, require_one_label
from metaadapter.apps.page.contents import Contents, Edit
from metaadapter.apps.page.entries import BoxEntry
from metaadapter.apps.page.frame_answers import series_of
from metaadapter.apps.page.project import TEMPORARY
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.routes.dependencies import OpenEditor, OpenSession
from metaadapter.apps.page.routes.detection_uploads import add_detections
from metaadapter.apps.page.routes.forms import (
    OF_FILES,
    DetectorFile,
    Name,
    PictureId,
    Reply,
    RequestForm,
    UploadRoute,
)
from metaadapter.apps.page.routes.uploads import plain_name
from metaadapter.data.crop import Box
from metaadapter.data.decode import crop_hash

Fraction = Annotated[float, Field(ge=-0.01, le=1.01, allow_inf_nan=False)]


def _within(sides: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    if not Box(*sides).is_within:
        raise ValueError("a box must be a rectangle within its frame")
    return sides


Sides = Annotated[tuple[Fraction, Fraction, Fraction, Fraction], AfterValidator(_within)]


class BoxChange(RequestForm):
    """A change of a box: add (`before` is null), remove (`after` is null), move, or accept it."""

    before: Sides | None = None
    after: Sides | None = None


class FieldChange(RequestForm):
    """New settings: seconds between the frames of a series, and names of classes that occur."""

    burst: Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)] | None = None
    allowed: Annotated[list[Name], Field(max_length=1000)] | None = None


routes = APIRouter()
upload_routes = APIRouter(route_class=UploadRoute)


@upload_routes.post("/detections", status_code=202)
def upload_detections(editor: OpenEditor, form: Annotated[DetectorFile, OF_FILES]) -> Reply:
    """Add the boxes in the JSON file of MegaDetector or SpeciesNet to the pictures."""
    name = plain_name(form.detections.filename or "")
    with TemporaryDirectory(prefix=TEMPORARY) as folder:
        file = Path(folder) / "detections"
        with file.open("wb") as written:
            copyfileobj(form.detections.file, written)
        return add_detections(editor, file, name)


@routes.get("/frames")
def read_frames(
    session: OpenSession,
    frame: Annotated[PictureId | None, Query(description="The id of one frame.")] = None,
) -> Reply:
    """All frames with boxes, in the page's order, or only this one.

    A box has the `picture` that it is; null for a person, a vehicle, or a box that the detector is
    not sure of. `series` is the first frame of the series.
    """

    def frames(contents: Contents) -> list[Reply]:
        whole = {
            key: entry
            for key, entry in contents.ordered_pictures
            if entry.boxes is not None and frame in (None, key)
        }
        crops, series = contents.crops_of(whole), series_of(contents)
        return [
            {
                "id": key,
                "name": entry.name,
                "time": entry.time,
                "series": series[key].series if key in series else None,
                "boxes": _boxes(contents, crops[key], entry.boxes or ()),
            }
            for key, entry in whole.items()
        ]

    return {"revision": session.revision, "frames": session.read(frames)}


def _boxes(contents: Contents, crops: list[str], others: tuple[BoxEntry, ...]) -> list[Reply]:
    cut = [(crop, contents.pictures[crop].crop) for crop in crops]
    boxes: list[tuple[str | None, BoxEntry | None]] = [*cut, *((None, other) for other in others)]
    return [
        {
            "sides": box.sides,
            "category": box.category,
            "confidence": box.confidence,
            "picture": picture,
        }
        for picture, box in boxes
        if box is not None
    ]


@routes.post("/frames/{frame}/boxes")
def edit_box(editor: OpenEditor, frame: PictureId, change: BoxChange) -> Reply:
    """Add, remove, move or accept a box of a frame; a picture without boxes becomes a frame."""
    before, after = (sides and Box(*sides) for sides in (change.before, change.after))
    what = "Accepted" if after == before else "Moved"
    what = "Added" if before is None else "Removed" if after is None else what

    def edit(contents: Contents) -> Edit:
        require_one_label(contents, "A box in a picture")
        return Edit(f"{what} a box", change_box(contents, frame, before, after), "changed-box")

    reply = editor.edit(edit)
    picture = None if after is None else crop_hash(frame, after)
    return {"picture": picture, **reply}


@routes.patch("/field")
def edit_settings(editor: OpenEditor, change: FieldChange) -> Reply:
    """Set which frames form series, and which classes occur; `null` ends a setting."""

    def edit(contents: Contents) -> Edit:
        require_one_label(contents, "A series of camera traps")
        allowed = _classes(contents, change.allowed) if change.allowed else None
        new = {"burst": change.burst, "allowed": allowed}
        changes = contents.change_settings(**{name: new[name] for name in change.model_fields_set})
        return Edit("Changed the settings for camera traps", changes)

    return editor.edit(edit)


def _classes(contents: Contents, names: list[str]) -> tuple[str, ...]:
    """The ids of classes, given by name; an unknown name is refused."""
    ids = {folded(name): label for label, name in contents.class_names.items()}
    for name in names:
        if folded(name) not in ids:
            raise Refusal(422, "no-such-species", f"There is no class {name!r}.", name=name)
    return tuple(dict.fromkeys(ids[folded(name)] for name in names))
