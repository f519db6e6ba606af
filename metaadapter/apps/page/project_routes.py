"""The routes of the page: the open project, its edits, pictures, predictions; other projects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

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
from metaadapter.apps.page.dependencies import AppState, OpenSession, UploadedForm
from metaadapter.apps.page.editor import OpenEditor
from metaadapter.apps.page.frame_answers import series_of
from metaadapter.apps.page.history import History
from metaadapter.apps.page.picture_folder import BROWSER_TYPES, jpeg_bytes, media_type
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.upload_schema import UPLOAD_SCHEMA
from metaadapter.apps.page.uploads import add_uploads, n_pictures
from metaadapter.data.decode import decode_image
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.plain_text import one_line

FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}

routes = APIRouter()


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


@routes.post("/pictures", status_code=202, openapi_extra=UPLOAD_SCHEMA)
def upload_pictures(editor: OpenEditor, form: UploadedForm, state: AppState) -> forms.Added:
    """Add pictures and zip files of pictures; those that the project has are not added again."""
    return add_uploads(editor, form, state.limits)


@routes.post("/labels")
def set_labels(editor: OpenEditor, labels: forms.Labels) -> forms.Revised:
    """Move pictures to classes, to "none of these", or to the tray."""
    if labels.labels and labels.pictures:
        raise Refusal(422, "invalid", "Give `labels`, or `pictures` with a `class`, not both.")
    new = labels.labels or dict.fromkeys(labels.pictures, labels.class_id)
    return editor.edit(
        lambda contents: _sorted(contents, new), lambda contents: label_pictures(contents, new)
    )


def _sorted(contents: Contents, labels: Mapping[str, str | None]) -> str:
    """A sentence on labels, with the name of the class if there is only one."""
    n, targets = n_pictures(len(labels)), set(labels.values())
    if len(targets) != 1:
        return f"Sorted {n}"
    (target,) = targets
    if target is None:
        return f"Put {n} back to the pictures to sort"
    if target == NONE:
        return f"Put {n} to none of these"
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


@routes.get("/answers", response_model_exclude_unset=True)
def read_predictions(
    session: OpenSession,
    since: Annotated[int, Query(description="The revision that the client has.")] = -1,
) -> forms.PicturePredictions:
    """The predictions, left out if the client has those of the current revision."""
    results = session.results
    content: dict[str, Any] = {"revision": results.revision, "ready": results.stored is not None}
    if results.revision <= since:
        content |= {"revision": since, "unchanged": True}
    else:
        content |= {
            "answers": results.answers,
            "left_out": results.left_out,
            "shift": results.shift,
        }
    return forms.PicturePredictions.model_validate(content)


@routes.get("/sure")
def read_costs(session: OpenSession) -> forms.Costs:
    """The cost of each threshold on the probability, computed from the left-out pictures."""
    return session.read(session.results.costs)


@routes.get("/alike")
def read_look_alikes(session: OpenSession) -> forms.LookAlikes:
    """Groups of pictures of the tray that look alike."""
    return forms.LookAlikes(groups=session.look_alikes())


@routes.get("/work")
def read_work(session: OpenSession) -> forms.Work:
    """The work in the background."""
    return session.work()


@routes.post("/work/stop")
def stop_work(session: OpenSession) -> forms.Work:
    """Stop encoding until the next edit, or until it is resumed."""
    session.stop()
    return session.work()


@routes.post("/work/resume")
def resume_work(session: OpenSession) -> forms.Work:
    """Go on with the encoding that was stopped."""
    session.resume()
    return session.work()


@routes.get("/projects")
def list_projects(state: AppState) -> forms.ProjectList:
    """The projects that can be opened."""
    projects = state.projects
    return forms.ProjectList(
        projects=projects.listed(), current=projects.session.project.facts.name
    )


@routes.post("/projects", status_code=201)
def make_project(state: AppState, new: forms.ProjectName) -> forms.ProjectList:
    """Make a project and open it."""
    state.projects.make(new.name)
    return list_projects(state)


@routes.post("/projects/open")
def open_project(state: AppState, project: forms.ProjectName) -> forms.ProjectList:
    """Open another project."""
    state.projects.open(project.name)
    return list_projects(state)


@routes.post("/projects/rename")
def rename_project(state: AppState, names: forms.NewProjectName) -> forms.ProjectList:
    """Rename a project, which may be the open one."""
    state.projects.rename(names.name, names.new_name)
    return list_projects(state)


@routes.post("/projects/delete")
def delete_project(state: AppState, project: forms.ProjectName) -> forms.Deleted:
    """Move a project that is not open into the folder `deleted projects` beside it."""
    place = one_line(state.projects.delete(project.name))
    return forms.Deleted(place=place, **list_projects(state).model_dump())
