"""The HTTP interface of the open project, which the page is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from secrets import token_hex
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Request
from fastapi import Path as PathPart
from fastapi.responses import FileResponse, Response
from starlette.concurrency import run_in_threadpool

from metaadapter.apps.page import forms
from metaadapter.apps.page.answers import Answer
from metaadapter.apps.page.contents import (
    Contents,
    add_classes,
    change_class,
    label_pictures,
    remove_class,
    remove_pictures,
)
from metaadapter.apps.page.picture_folder import SHOWN_BY_BROWSERS, as_jpeg, media_type
from metaadapter.apps.page.projects import Projects
from metaadapter.apps.page.receiving import Limits
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.sending import (
    PICTURES_FORM,
    counted,
    received_form,
    request_folder,
    take_pictures,
)
from metaadapter.apps.page.sure import costs
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.plain_text import one_line
from metaadapter.data.strict_json import json_text

FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
ClassId = Annotated[str, PathPart(pattern=r"^[0-9a-f]{1,32}$")]
PictureId = Annotated[str, PathPart(pattern=r"^[0-9a-f]{32}$")]


def project_routes(projects: Projects, limits: Limits) -> APIRouter:
    """What can be asked of the open project, and of it."""
    routes = APIRouter()

    @routes.get("/project")
    def read_project() -> forms.ProjectForm:
        desk = projects.desk
        project, saved = desk.project, desk.project.history.saved
        return desk.look(
            lambda it: forms.ProjectForm(
                name=project.facts.name,
                encoder=project.facts.encoder,
                revision=desk.revision,
                classes=[_class_form(it, label) for label in it.ordered_classes],
                tray=it.pictures_of(None),
                names={picture: entry.name for picture, entry in it.pictures.items()},
                unreadable={k: v for k, v in desk.unreadable.items() if k in it.pictures},
                ready=desk.published.stored is not None,
                can_undo=bool(it.done),
                can_redo=bool(it.undone),
                saved=saved,
                folder=one_line(project.folder),
            )
        )

    @routes.post("/classes", status_code=201)
    def make_class(new: forms.NewClass) -> forms.ClassMade:
        label = token_hex(6)
        revision = projects.desk.edit(
            f"Made the class {new.name}",
            lambda it: add_classes(it, {label: new.name}, new.description),
        )
        return forms.ClassMade(id=label, revision=revision)

    @routes.patch("/classes/{label}")
    def edit_class(label: ClassId, change: forms.ClassChange) -> forms.Revised:
        said = "Renamed a class" if change.name is not None else "Described a class"
        revision = projects.desk.edit(
            said, lambda it: change_class(it, label, change.name, change.description)
        )
        return forms.Revised(revision=revision)

    @routes.delete("/classes/{label}")
    def delete_class(label: ClassId) -> forms.Revised:
        desk = projects.desk
        name = desk.look(lambda it: it.require_class(label).name)
        revision = desk.edit(f"Removed the class {name}", lambda it: remove_class(it, label))
        return forms.Revised(revision=revision)

    @routes.post("/pictures", status_code=202, openapi_extra=PICTURES_FORM)
    async def send_pictures(request: Request) -> forms.Added:
        desk = projects.desk
        with request_folder(desk) as folder:
            form = await received_form(request, folder, limits)
            return await run_in_threadpool(take_pictures, desk, form, limits)

    @routes.post("/labels")
    def set_labels(labels: forms.Labels) -> forms.Revised:
        if labels.labels and labels.pictures:
            raise Refusal(422, "invalid", "Give `labels`, or `pictures` with a `class`; both came.")
        wanted = labels.labels or dict.fromkeys(labels.pictures, labels.class_id)
        said = f"Sorted {counted(len(wanted))}"
        revision = projects.desk.edit(said, lambda it: label_pictures(it, wanted))
        return forms.Revised(revision=revision)

    @routes.delete("/pictures")
    def delete_pictures(pictures: forms.Pictures) -> forms.Revised:
        gone = pictures.pictures
        revision = projects.desk.edit(
            f"Removed {counted(len(gone))}", lambda it: remove_pictures(it, gone)
        )
        return forms.Revised(revision=revision)

    @routes.post("/undo")
    def undo() -> forms.Undone:
        revision, said = projects.desk.undo()
        return forms.Undone(revision=revision, undone=f"Undone: {said}.")

    @routes.post("/redo")
    def redo() -> forms.Undone:
        revision, said = projects.desk.redo()
        return forms.Undone(revision=revision, undone=f"Made again: {said}.")

    @routes.get("/pictures/{picture}", response_class=FileResponse)
    def read_picture(
        picture: PictureId, size: Literal["thumbnail", "whole"] = "thumbnail"
    ) -> Response:
        desk = projects.desk
        desk.look(lambda it: it.require_pictures([picture]))
        pictures = desk.project.pictures
        try:
            if size == "thumbnail":
                path = pictures.thumbnail(picture)
                return FileResponse(path, media_type="image/jpeg", headers=FOR_EVER)
            path = pictures.path(picture)
            if (kind := media_type(path)) in SHOWN_BY_BROWSERS:
                return FileResponse(path, media_type=kind, headers=FOR_EVER)
            return Response(as_jpeg(path), media_type="image/jpeg", headers=FOR_EVER)
        except UnreadableImage as error:
            raise Refusal(
                404, "no-such-picture", f"The picture cannot be read: {error.reason}."
            ) from error

    @routes.get("/answers", responses={200: {"model": forms.Answers}})
    def read_answers(since: int = -1) -> Response:
        found = projects.desk.published
        told: dict[str, Any] = {"revision": found.revision, "ready": found.stored is not None}
        if found.revision <= since:
            told = {**told, "revision": since, "unchanged": True}
        else:
            told["answers"] = _answers_json(found.answers)
            told["left_out"] = _answers_json(found.left_out)
        return Response(json_text(told), media_type="application/json")

    @routes.get("/sure")
    def read_costs() -> forms.Costs:
        left_out = projects.desk.published.left_out
        correct = projects.desk.look(
            lambda it: [
                picture in it.pictures and it.pictures[picture].label == each.label
                for picture, each in left_out.items()
            ]
        )
        points = costs(
            np.array([each.probability for each in left_out.values()]), np.array(correct)
        )
        return forms.Costs(
            points=[forms.CostForm(**each._asdict()) for each in points], n_pictures=len(correct)
        )

    @routes.get("/advice")
    def read_advice() -> forms.AdviceList:
        found = projects.desk.advice()
        return forms.AdviceList(advice=[forms.AdviceItem(**each._asdict()) for each in found])

    @routes.get("/work")
    def read_work() -> forms.WorkForm:
        return forms.WorkForm(**asdict(projects.desk.work()))

    @routes.post("/work/stop")
    def stop_work() -> forms.WorkForm:
        projects.desk.stop()
        return forms.WorkForm(**asdict(projects.desk.work()))

    @routes.get("/projects")
    def list_projects() -> forms.ProjectList:
        return forms.ProjectList(
            projects=[forms.ProjectListed(**each._asdict()) for each in projects.listed()],
            current=projects.desk.project.facts.name,
        )

    @routes.post("/projects", status_code=201)
    def make_project(new: forms.ProjectName) -> forms.ProjectList:
        projects.make(new.name)
        return list_projects()

    @routes.post("/projects/open")
    def open_other(wanted: forms.ProjectName) -> forms.ProjectList:
        projects.open(wanted.name)
        return list_projects()

    return routes


def _class_form(contents: Contents, label: str) -> forms.ClassForm:
    entry = contents.classes[label]
    return forms.ClassForm(
        id=label,
        name=entry.name,
        description=entry.description,
        pictures=contents.pictures_of(label),
    )


def _answers_json(answers: Mapping[str, Answer]) -> dict[str, dict[str, Any]]:
    return {
        picture: {"class": each.label, **dict(list(each._asdict().items())[1:])}
        for picture, each in answers.items()
    }
