"""Questions of programs: pictures in, predictions or an adapter out, and nothing is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from metaadapter.adapter.files import load_adapter
from metaadapter.adapter.skill import skill_bytes
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.page import forms
from metaadapter.apps.page.answers import LabelledTask, fit
from metaadapter.apps.page.contents import ClassEntry
from metaadapter.apps.page.desk import Desk
from metaadapter.apps.page.last_adapted import LastAdapted
from metaadapter.apps.page.projects import Projects
from metaadapter.apps.page.receiving import Limits, ReceivedFile, ReceivedForm
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.sending import PICTURES_FORM, received_form, request_folder
from metaadapter.apps.page.taking_in import Refused, plain_name, sent_pictures
from metaadapter.data.table import ImageRow
from metaadapter.features.encoded_pictures import EncodedPictures, encode_rows
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.workflow.predictions import predict_pictures

# How long a request waits until the one before has been answered.
LONGEST_WAIT = 60.0


def one_off_routes(projects: Projects, limits: Limits) -> APIRouter:
    """`/predict` and `/adapt`, one request at a time, for each has the whole machine."""
    routes = APIRouter()
    turn = asyncio.Semaphore()
    last_adapted = LastAdapted()

    @asynccontextmanager
    async def my_turn() -> AsyncIterator[None]:
        # Waiting in a thread would take those that answer the page.
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                await turn.acquire()
        except TimeoutError:
            raise Refusal(
                429, "busy", "Other requests are being answered. Try again in a minute."
            ) from None
        try:
            yield
        finally:
            turn.release()

    @routes.post("/predict", openapi_extra=PICTURES_FORM)
    async def predict(request: Request) -> forms.Predictions:
        """Predict pictures by the open project's adapter, or by the one in the field `adapter`."""
        desk = projects.desk

        def answer(form: ReceivedForm, folder: Path) -> forms.Predictions:
            stored = _adapter_of(form, desk)
            encoder = last_adapted.encoder(desk.project.encoder, stored)
            pictures, refused = _encoded(form, folder, encoder, limits)
            return forms.Predictions(
                predictions=[
                    forms.PredictionForm(**each.to_dict())
                    for each in predict_pictures(stored, pictures)
                ],
                refused=[forms.RefusedFile(**each._asdict()) for each in refused],
            )

        with request_folder(desk) as folder:
            form = await received_form(request, folder, limits)
            async with my_turn():
                return await run_in_threadpool(answer, form, folder)

    @routes.post("/adapt", openapi_extra=PICTURES_FORM, response_class=Response)
    async def adapt(request: Request) -> Response:
        """Predict an adapter from pictures named CLASS/FILE; a skill file comes back."""
        desk = projects.desk

        def answer(form: ReceivedForm, folder: Path) -> Response:
            pictures, refused = _encoded(form, folder, desk.project.encoder, limits)
            content = skill_bytes(_fitted(pictures, refused, desk.project.encoder))
            headers = {"Content-Disposition": 'attachment; filename="classifier.adapter"'}
            return Response(content, media_type="application/octet-stream", headers=headers)

        with request_folder(desk) as folder:
            form = await received_form(request, folder, limits)
            async with my_turn():
                return await run_in_threadpool(answer, form, folder)

    return routes


def _adapter_of(form: ReceivedForm, desk: Desk) -> StoredAdapter:
    given = [file for file in form.files if file.field == "adapter"]
    if not given:
        stored = desk.answered().stored
        assert stored is not None
        return stored
    if len(given) > 1:
        raise Refusal(422, "invalid", "Expected one file in the field `adapter`, but several came.")
    stored = load_adapter(given[0].path)
    stored.config.origin.require_encoder(
        desk.project.encoder.fingerprint, owner=f"the adapter {plain_name(given[0].name)}"
    )
    return stored


def _encoded(
    form: ReceivedForm, folder: Path, encoder: ImageEncoder, limits: Limits
) -> tuple[EncodedPictures, list[Refused]]:
    """The pictures of a form, called as they were sent, and the files that are none."""
    sent: list[ReceivedFile] = [file for file in form.files if file.field == "pictures"]
    names: dict[str, str] = {}
    refused = []
    for number, each in enumerate(sent_pictures(sent, limits)):
        if each.path is None:
            refused.append(Refused(each.name, each.reason))
            continue
        path = each.path.rename(folder / f"picture-{number}")
        names[str(path)] = each.name
    rows = [ImageRow(Path(path), None) for path in names]
    pictures = encode_rows(rows, encoder, views=1, seed=0)
    refused += [Refused(names[str(it.path)], it.reason) for it in pictures.quarantined]
    named = tuple(it._replace(path=names[it.path]) for it in pictures.pictures)
    return replace(pictures, pictures=named, quarantined=()), refused


def _fitted(
    pictures: EncodedPictures, refused: list[Refused], encoder: ImageEncoder
) -> StoredAdapter:
    folders = [path.split("/")[-2] if "/" in path else "" for path in pictures.paths]
    if "" in folders:
        loose = pictures.paths[folders.index("")]
        raise Refusal(
            422, "invalid", f"Expected pictures named CLASS/FILE, but one is named {loose!r}."
        )
    classes = {
        name: ClassEntry(name=name, place=place)
        for place, name in enumerate(dict.fromkeys(folders))
    }
    task = LabelledTask.of_pictures(
        classes, folders, pictures.sha256, pictures.paths, pictures.features
    )
    if task is None:
        unread = f" {len(refused)} files could not be read." if refused else ""
        raise Refusal(
            422, "invalid", f"Expected pictures of two classes or more, named CLASS/FILE.{unread}"
        )
    return fit(task, encoder)
