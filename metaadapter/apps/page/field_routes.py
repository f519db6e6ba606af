"""The routes for camera traps: a detector's file, frames, their boxes, and settings."""

from __future__ import annotations

from contextlib import suppress
from difflib import get_close_matches
from typing import Annotated

from fastapi import APIRouter, Query

from metaadapter.apps.field.allowed_species import folded
from metaadapter.apps.page import field_forms
from metaadapter.apps.page.contents import SETTINGS, Contents
from metaadapter.apps.page.dependencies import OpenSession
from metaadapter.apps.page.detected_boxes import change_box
from metaadapter.apps.page.detection_uploads import (
    add_detections,
    forget_detections,
    join_waiting,
)
from metaadapter.apps.page.editor import OpenEditor
from metaadapter.apps.page.field_entries import BoxEntry, FieldEntry
from metaadapter.apps.page.forms import PictureId, Pictures, Revised
from metaadapter.apps.page.frame_answers import series_of
from metaadapter.apps.page.labelling import require_one_label
from metaadapter.apps.page.picture_folder import id_of
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.session import Session
from metaadapter.apps.page.upload_forms import OF_FILES, DetectorFile, UploadFolder, UploadRoute
from metaadapter.apps.page.uploaded_files import on_disk, plain_name
from metaadapter.data.checksums import file_hash
from metaadapter.data.crop import Box
from metaadapter.data.decode import crop_hash

routes = APIRouter()
upload_routes = APIRouter(route_class=UploadRoute)


@upload_routes.post("/detections", status_code=202)
def upload_detections(
    editor: OpenEditor, form: Annotated[DetectorFile, OF_FILES], folder: UploadFolder
) -> field_forms.BoxesAdded:
    """Add the boxes in the JSON file of MegaDetector or SpeciesNet to the pictures."""
    name = plain_name(form.detections.filename or "")
    return add_detections(editor, on_disk(form.detections, folder / "detections"), name)


@routes.post("/detections/join")
def join_detections(editor: OpenEditor, new: Pictures) -> field_forms.BoxesAdded:
    """Give new pictures the boxes in the detectors' files that have waited for them."""
    return join_waiting(editor, {*new.pictures})


@routes.delete("/detections/{file}")
def delete_detections(editor: OpenEditor, file: PictureId) -> Revised:
    """Let the frames of a detector's file wait no longer."""
    return forget_detections(editor, file)


@routes.get("/frames")
def read_frames(
    session: OpenSession,
    frame: Annotated[PictureId | None, Query(description="The id of one frame.")] = None,
) -> field_forms.Frames:
    """All frames with boxes, or only this one."""

    def frames(contents: Contents) -> field_forms.Frames:
        keys = [
            key
            for key, entry in contents.pictures.items()
            if entry.boxes is not None and frame in (None, key)
        ]
        keys.sort(key=lambda key: contents.pictures[key].place)
        crops, series = contents.crops_of(keys), series_of(contents)
        return field_forms.Frames(
            revision=session.revision,
            frames=[
                field_forms.FrameState(
                    id=key,
                    name=contents.pictures[key].name,
                    time=contents.pictures[key].time,
                    series=series[key].series if key in series else None,
                    boxes=_boxes(contents, key, crops[key]),
                )
                for key in keys
            ],
        )

    return session.read(frames)


@routes.post("/frames/{frame}/boxes")
def edit_box(
    editor: OpenEditor, frame: PictureId, change: field_forms.BoxChange
) -> field_forms.BoxChanged:
    """Add, remove, move or accept a box of a frame; a picture without boxes becomes a frame."""
    before, after = (sides and Box(*sides) for sides in (change.before, change.after))
    session = editor.session
    session.read(lambda contents: contents.require_pictures([frame]))
    session.read(lambda contents: require_one_label(contents, "A box in a picture"))
    sha256 = _hash_of(session, frame)
    message = (
        "Added a box"
        if before is None
        else "Removed a box"
        if after is None
        else "Accepted a box"
        if after == before
        else "Moved a box"
    )
    revised = editor.edit(
        message, lambda contents: change_box(contents, frame, sha256, before, after)
    )
    picture = None if after is None else id_of(crop_hash(sha256, after))
    return field_forms.BoxChanged(picture=picture, revision=revised.revision)


@routes.patch("/field")
def edit_settings(editor: OpenEditor, change: field_forms.FieldChange) -> Revised:
    """Set which frames form series, and which classes occur; `null` ends a setting."""

    def entry(contents: Contents) -> FieldEntry:
        require_one_label(contents, "A series of camera traps")
        settings, changed = contents.settings, change.model_fields_set
        allowed = _classes(contents, change.allowed) if change.allowed else None
        return FieldEntry(
            burst=change.burst if "burst" in changed else settings.burst,
            allowed=allowed if "allowed" in changed else settings.allowed,
            detector=settings.detector,
        )

    return editor.edit(
        "Changed the settings for camera traps",
        lambda contents: contents.changes("settings", {SETTINGS: entry(contents)}),
    )


def _hash_of(session: Session, frame: str) -> str:
    """The hash of a frame's file; a `Refusal` if it is damaged or missing, as that of a box is."""
    with suppress(OSError):
        sha256 = file_hash(session.project.pictures.path(frame))
        if id_of(sha256) == frame:
            return sha256
    raise Refusal(
        404, "no-such-picture", "The file of this picture is missing or damaged. Add it again."
    )


def _boxes(contents: Contents, frame: str, crops: list[str]) -> list[field_forms.FrameBox]:
    cut = [(crop, contents.pictures[crop].crop) for crop in crops]
    others: list[tuple[str | None, BoxEntry | None]] = [
        (None, box) for box in contents.pictures[frame].boxes or ()
    ]
    return [
        field_forms.FrameBox(
            sides=box.sides, category=box.category, confidence=box.confidence, picture=picture
        )
        for picture, box in (*cut, *others)
        if box is not None
    ]


def _classes(contents: Contents, names: list[str]) -> tuple[str, ...]:
    """The ids of classes, given by name; an unknown name is refused, with the nearest one."""
    ids = {folded(entry.name): label for label, entry in contents.classes.items()}
    for name in names:
        if folded(name) not in ids:
            close = get_close_matches(folded(name), ids, n=1, cutoff=0)
            nearest = contents.classes[ids[close[0]]].name if close else ""
            raise Refusal(
                422,
                "no-such-species",
                f"There is no class {name!r}. The nearest one is {nearest!r}.",
                name=name,
                nearest=nearest,
            )
    return tuple(dict.fromkeys(ids[folded(name)] for name in names))
