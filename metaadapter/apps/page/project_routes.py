"""The routes of the open project: its classes, pictures and labels, and their edits."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from metaadapter.apps.page import forms
from metaadapter.apps.page.changes import (
    add_classes,
    change_class,
    label_pictures,
    remove_class,
    remove_pictures,
)
from metaadapter.apps.page.contents import NONE, Contents, Edit, Origin
from metaadapter.apps.page.dependencies import AppState, OpenSession
from metaadapter.apps.page.detection_uploads import join_waiting
from metaadapter.apps.page.editor import OpenEditor
from metaadapter.apps.page.frame_answers import series_of
from metaadapter.apps.page.history import History
from metaadapter.apps.page.labelling import NewLabel, set_several
from metaadapter.apps.page.picture_folder import BROWSER_TYPES, jpeg_bytes, media_type
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.upload_forms import OF_FILES, NewPictures, UploadFolder, UploadRoute
from metaadapter.apps.page.uploads import add_uploads, n_pictures
from metaadapter.data.decode import decode_image
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.plain_text import one_line

FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}

routes = APIRouter()
upload_routes = APIRouter(route_class=UploadRoute)


@routes.get("/project")
def read_project(session: OpenSession) -> forms.ProjectState:
    """The classes, the tray, the pictures of no class, and the names of all pictures."""
    project = session.project

    def state(contents: Contents) -> forms.ProjectState:
        piles = contents.piles()
        return forms.ProjectState(
            name=project.facts.name,
            encoder=project.facts.encoder,
            revision=session.revision,
            classes=[
                forms.ClassState(
                    id=label,
                    name=contents.classes[label].name,
                    description=contents.classes[label].description,
                    pictures=piles[label],
                )
                for label in contents.ordered_classes
            ],
            tray=piles[None],
            none=piles[NONE],
            names={picture: entry.name for picture, entry in contents.pictures.items()},
            unreadable={
                picture: reason
                for picture, reason in session.unreadable.items()
                if picture in contents.pictures
            },
            frames={
                picture: entry.crop.frame
                for picture, entry in contents.pictures.items()
                if entry.crop is not None
            },
            series={
                picture: seen.series
                for picture, seen in series_of(contents).items()
                if seen.series is not None
            },
            camera_traps=forms.CameraTraps(
                n_frames=sum(entry.boxes is not None for entry in contents.pictures.values()),
                burst=contents.settings.burst,
                allowed=None if contents.settings.allowed is None else [*contents.settings.allowed],
            ),
            several=contents.several,
            waiting_boxes=[
                forms.WaitingBoxes(id=key, **entry.model_dump())
                for key, entry in contents.waiting.items()
            ],
            ready=session.results.stored is not None,
            can_undo=bool(contents.done),
            can_redo=bool(contents.undone),
            saved=project.history.saved,
            folder=one_line(project.folder),
        )

    return session.read(state)


@routes.post("/classes", status_code=201)
def add_class(editor: OpenEditor, new: forms.NewClass) -> forms.ClassMade:
    """Add a class."""
    label = new.id or editor.new_class_id()
    revised = editor.edit(
        f"Added the class {new.name}",
        lambda contents: add_classes(contents, {label: new.name}, new.description),
    )
    return forms.ClassMade(id=label, revision=revised.revision)


@routes.patch("/classes/{label}")
def edit_class(
    editor: OpenEditor, label: forms.ClassId, change: forms.ClassChange
) -> forms.Revised:
    """Rename or describe a class."""

    def message(contents: Contents) -> str:
        name = contents.require_class(label).name
        return f"Described {name}" if change.name is None else f"Renamed {name} to {change.name}"

    return editor.edit(
        message,
        lambda contents: change_class(contents, label, change.name, change.description),
    )


@routes.delete("/classes/{label}")
def delete_class(editor: OpenEditor, label: forms.ClassId) -> forms.Revised:
    """Remove a class; its pictures go to the tray."""
    return editor.edit(
        lambda contents: f"Removed the class {contents.require_class(label).name}",
        lambda contents: remove_class(contents, label),
    )


@upload_routes.post("/pictures", status_code=202)
def upload_pictures(
    editor: OpenEditor,
    form: Annotated[NewPictures, OF_FILES],
    folder: UploadFolder,
    state: AppState,
) -> forms.Added:
    """Add pictures and zip files of pictures; those that the project has are not added again."""
    added = add_uploads(editor, form, folder, state.limits)
    if not form.wait and editor.session.read(lambda contents: contents.waiting):
        with suppress(Refusal):  # the pictures are here, and the page goes on to say what waits
            join_waiting(editor, {*added.added, *added.known_already})
        return added.model_copy(update={"revision": editor.session.revision})
    return added


@routes.patch("/labelling")
def set_labelling(editor: OpenEditor, labelling: forms.Labelling) -> forms.Revised:
    """Say whether a picture can show several classes."""
    several = labelling.several
    return editor.edit(
        "A picture can show several classes" if several else "A picture shows one class",
        lambda contents: set_several(contents, several=several),
    )


@routes.post("/labels")
def set_labels(editor: OpenEditor, labels: forms.Labels) -> forms.Revised:
    """Move pictures to classes, to "none of these", or to the tray.

    With several labels a list replaces the classes of a picture.
    """
    if labels.labels and labels.pictures:
        raise Refusal(422, "invalid", "Give `labels`, or `pictures` with a `class`, not both.")
    given = labels.labels or dict.fromkeys(labels.pictures, labels.class_id)
    new: dict[str, NewLabel] = {
        picture: tuple(dict.fromkeys(label)) if isinstance(label, list) else label
        for picture, label in given.items()
    }
    return editor.edit(
        lambda contents: _sorted(contents, new), lambda contents: label_pictures(contents, new)
    )


def _sorted(contents: Contents, labels: Mapping[str, NewLabel]) -> str:
    """A sentence on labels, with the name of the class if there is only one."""
    n, targets = n_pictures(len(labels)), set(labels.values())
    if len(targets) != 1:
        return f"Sorted {n}"
    (target,) = targets
    if target is None:
        return f"Put {n} back to the pictures to sort"
    if target in (NONE, ()):
        return f"Put {n} to none of these"
    if isinstance(target, tuple):
        names = [contents.require_class(label).name for label in target]
        return f"Put {n} into {', '.join(names)}"
    return f"Put {n} into {contents.require_class(target).name}"


@routes.delete("/pictures")
def delete_pictures(editor: OpenEditor, pictures: forms.Pictures) -> forms.Revised:
    """Remove pictures."""
    return editor.edit(
        f"Removed {n_pictures(len(pictures.pictures))}",
        lambda contents: remove_pictures(contents, pictures.pictures),
    )


@routes.post("/undo")
def undo(editor: OpenEditor) -> forms.Undone:
    """Undo the latest edit, whoever made it."""
    return _undone("Undone", *editor.change(History.undo))


@routes.post("/redo")
def redo(editor: OpenEditor) -> forms.Undone:
    """Redo the edit that was undone last."""
    return _undone("Redone", *editor.change(History.redo))


def _undone(what: str, revision: int, edit: Edit | None) -> forms.Undone:
    if edit is None:  # the answer to the same request was lost
        return forms.Undone(
            revision=revision, undone=f"{what}.", by="", edit="", kind=None, values={}, pictures=[]
        )
    kind, values = edit.wording
    return forms.Undone(
        revision=revision,
        undone=f"{what}: {edit.message}.",
        by=edit.origin.by,
        edit=edit.message,
        kind=kind,
        values=values,
        pictures=edit.pictures,
    )


@routes.get("/history")
def read_history(session: OpenSession) -> forms.Steps:
    """The latest edits, undos and redos, the last one first: what was done, by whom and when."""
    steps = session.read(lambda _: list(session.project.history.past.steps))
    return forms.Steps(steps=[_step(*step) for step in reversed(steps)])


def _step(what: Literal["edit", "undo", "redo"], edit: Edit, origin: Origin) -> forms.Step:
    kind, values = edit.wording
    return forms.Step(what=what, edit=edit.message, kind=kind, values=values, **origin.model_dump())


@routes.get("/pictures/{picture}", response_class=Response)
def read_picture(
    session: OpenSession,
    picture: forms.PictureId,
    size: Annotated[
        Literal["thumbnail", "whole"], Query(description="A JPEG of 256 pixels, or the picture.")
    ] = "thumbnail",
) -> Response:
    """A picture or its thumbnail, in a format that browsers show."""
    session.read(lambda contents: contents.require_pictures([picture]))
    kind = "image/jpeg"
    try:
        if size == "thumbnail":
            content = session.thumbnail(picture)
        elif (own_kind := media_type(content := session.picture(picture))) in BROWSER_TYPES:
            kind = own_kind
        else:
            content = jpeg_bytes(decode_image(content))
    except UnreadableImage as error:
        raise Refusal(
            404, "no-such-picture", f"The picture cannot be read: {error.reason}."
        ) from error
    return Response(content, media_type=kind, headers=FOREVER)
