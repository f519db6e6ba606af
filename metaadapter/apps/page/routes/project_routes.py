"""The routes of the open project: its classes, pictures and labels, and their edits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from metaadapter.apps.page.changes import (
    Labels,
    add_classes,
    change_class,
    label_pictures,
    remove_class,
    remove_pictures,
    set_several,
)
from metaadapter.apps.page.contents import Contents, Edit, EditKind, n_pictures
from metaadapter.apps.page.entries import NONE
from metaadapter.apps.page.frame_answers import series_of
from metaadapter.apps.page.picture_folder import BROWSER_TYPES, jpeg_bytes, media_type
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.routes.dependencies import AppState, OpenEditor, OpenSession
from metaadapter.apps.page.routes.forms import (
    OF_FILES,
    ClassChange,
    ClassId,
    Label,
    Labelled,
    Labelling,
    NewClass,
    NewPictures,
    PictureId,
    Pictures,
    Reply,
    UploadRoute,
)
from metaadapter.apps.page.routes.moves import leave_with, move
from metaadapter.apps.page.routes.uploads import add_uploads
from metaadapter.data.decode import decode_image
from metaadapter.data.inputs import UnreadableImage
from metaadapter.files.plain_text import one_line

FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}


routes = APIRouter()
upload_routes = APIRouter(route_class=UploadRoute)


@routes.get("/project")
def read_project(session: OpenSession, app: AppState) -> Reply:
    """The classes, the tray, the pictures of no class, and the names of all pictures.

    `frames` are the pictures in boxes with the frames that they are cut out of, `series` pictures
    with the first frame of their series. `burst` is the most seconds between two frames of a
    series, `allowed` the ids of the classes that occur. With `several` labels a picture stands in
    each of its classes.
    """
    project = session.project

    def state(contents: Contents) -> Reply:
        piles, pictures, settings = contents.piles(), contents.pictures, contents.settings
        series = series_of(contents)
        return {
            "name": project.facts.name,
            "has_others": app.projects.has_others,
            "encoder": project.facts.encoder,
            "revision": session.revision,
            "classes": [
                {"id": label, "pictures": piles[label], **dict(contents.classes[label])}
                for label in contents.ordered_classes
            ],
            "tray": piles[None],
            "none": piles[NONE],
            "names": {key: entry.name for key, entry in pictures.items()},
            "unreadable": {key: why for key, why in session.unreadable.items() if key in pictures},
            "frames": {key: entry.crop.frame for key, entry in pictures.items() if entry.crop},
            "series": {key: seen.series for key, seen in series.items() if seen.series is not None},
            "camera_traps": {
                "n_frames": sum(entry.boxes is not None for entry in pictures.values()),
                "burst": settings.burst,
                "allowed": settings.allowed,
            },
            "several": contents.settings.several,
            "ready": session.results.stored is not None,
            "can_undo": bool(contents.done),
            "can_redo": bool(contents.undone),
            "saved": project.history.saved,
            "folder": one_line(project.folder),
        }

    return session.read(state)


@routes.post("/classes", status_code=201)
def add_class(editor: OpenEditor, new: NewClass) -> Reply:
    """Add a class; the reply has its `id`."""
    label, said = new.id or editor.new_class_id(), f"Added the class {new.name}"

    def edit(contents: Contents) -> Edit:
        changes = add_classes(contents, {label: new.name}, {label: new.description})
        return Edit(said, changes, "added-class", {"name": new.name})

    return {"id": label, **editor.edit(edit)}


@routes.patch("/classes/{label}")
def edit_class(editor: OpenEditor, label: ClassId, change: ClassChange) -> Reply:
    """Rename or describe a class."""

    def edit(contents: Contents) -> Edit:
        name, new = contents.require_class(label).name, change.name
        said = f"Described {name}" if new is None else f"Renamed {name} to {new}"
        changes = change_class(contents, label, new, change.description)
        return Edit(said, changes, "changed-class", {"name": new or name})

    return editor.edit(edit)


@routes.delete("/classes/{label}")
def delete_class(
    editor: OpenEditor,
    label: ClassId,
    state: AppState,
    into: Annotated[ClassId | None, Query(description="The class that its pictures get.")] = None,
    to: str = "",
) -> Reply:
    """Remove a class; its pictures go to the tray, or to the class `into`.

    With the folder of another project as `to`, the class goes there with its pictures.
    """
    if to:
        return move(editor, state.projects, to, lambda contents: leave_with(contents, label))

    def edit(contents: Contents) -> Edit:
        name = contents.require_class(label).name
        changes = remove_class(contents, label, () if into is None else (into,))
        if into is None:
            return Edit(f"Removed the class {name}", changes, "removed-class", {"name": name})
        other = contents.classes[into].name
        said, values = f"Merged the class {name} into {other}", {"name": name, "other": other}
        return Edit(said, changes, "merged-class", values)

    return editor.edit(edit)


@upload_routes.post("/pictures", status_code=202)
def upload_pictures(
    editor: OpenEditor, form: Annotated[NewPictures, OF_FILES], state: AppState
) -> Reply:
    """Add pictures; those that the project has are not added again."""
    return add_uploads(editor, form, state.limits)


@routes.patch("/labelling")
def set_labelling(editor: OpenEditor, labelling: Labelling) -> Reply:
    """Say whether a picture can show several classes."""
    several = labelling.several
    said = f"A picture {'can show several classes' if several else 'shows one class'}"
    return editor.edit(
        lambda contents: Edit(said, set_several(contents, several=several), "changed-labelling")
    )


@routes.post("/labels")
def set_labels(editor: OpenEditor, form: Labelled) -> Reply:
    """Move pictures to classes, to "none of these", or to the tray.

    With several labels a list replaces the classes of a picture.
    """
    new = {picture: _labels(label) for picture, label in form.labels.items()}
    return editor.edit(lambda contents: _sorted(contents, new))


def _labels(label: Label) -> Labels:
    if isinstance(label, list):
        return tuple(dict.fromkeys(label)) or (NONE,)
    return () if label is None else (label,)


def _sorted(contents: Contents, labels: Mapping[str, Labels]) -> Edit:
    """An edit of labels; it names the classes if they are the same for all pictures."""
    changes, n = label_pictures(contents, labels), n_pictures(len(labels))
    kind: EditKind
    targets, name = {*labels.values()}, ""
    if len(targets) != 1:
        said, kind = f"Sorted {n}", "sorted-pictures"
    elif targets == {()}:
        said, kind = f"Put {n} back to the pictures to sort", "put-back"
    elif targets == {(NONE,)}:
        said, kind = f"Put {n} to none of these", "put-to-none"
    else:
        name = ", ".join(contents.classes[label].name for label in targets.pop())
        said, kind = f"Put {n} into {name}", "put-into"
    return Edit(said, changes, kind, {"n": len(labels), "name": name})


@routes.delete("/pictures")
def delete_pictures(editor: OpenEditor, pictures: Pictures, state: AppState, to: str = "") -> Reply:
    """Remove pictures, or move them to the project in the folder `to`."""
    keys, n = pictures.pictures, len(pictures.pictures)
    if to:
        return move(editor, state.projects, to, lambda contents: remove_pictures(contents, keys))
    return editor.edit(
        lambda contents: Edit(
            f"Removed {n_pictures(n)}",
            remove_pictures(contents, keys),
            "removed-pictures",
            {"n": n},
        )
    )


@routes.post("/undo")
def undo(editor: OpenEditor) -> Reply:
    """Undo the latest edit, whoever made it."""
    return _undone("Undone", *editor.change(lambda history: history.undo(editor.origin)))


@routes.post("/redo")
def redo(editor: OpenEditor) -> Reply:
    """Redo the edit that was undone last."""
    return _undone("Redone", *editor.change(lambda history: history.redo(editor.origin)))


def _undone(what: str, revision: int, edit: Edit | None) -> Reply:
    """The edit that was undone or redone, who made it, and its pictures.

    There is no edit if the same request was done before, and its reply was lost.
    """
    reply: Reply = {"revision": revision, "undone": f"{what}.", "pictures": []}
    if edit is None:
        return reply
    return reply | {
        "undone": f"{what}: {edit.message}.",
        "by": edit.origin.by,
        "edit": edit.message,
        "kind": edit.kind,
        "values": edit.values,
        "pictures": edit.pictures,
    }


@routes.get("/history")
def read_history(session: OpenSession) -> Reply:
    """The latest edits, undos and redos, the last one first: what was done, by whom and when."""
    steps = session.read(lambda contents: [*contents.steps])
    return {
        "steps": [
            {
                "what": what,
                "edit": edit.message,
                "kind": edit.kind,
                "values": edit.values,
                **dict(origin),
            }
            for what, edit, origin in reversed(steps)
        ]
    }


@routes.get("/pictures/{picture}", response_class=Response)
def read_picture(
    session: OpenSession,
    picture: PictureId,
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
