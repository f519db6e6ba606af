"""The routes for programs, `/predict` and `/adapt`, which keep nothing in the project."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, UploadFile
from fastapi.responses import Response
from pydantic import BaseModel, model_serializer
from starlette.concurrency import run_in_threadpool

from metaadapter.adapter.files import load_adapter, skill_bytes
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.page.answer_routes import Shift
from metaadapter.apps.page.answers import fit
from metaadapter.apps.page.dependencies import AppState, OpenSession, UploadFolder
from metaadapter.apps.page.forms import OF_FILES, PictureFiles, Question, RefusedFile, UploadRoute
from metaadapter.apps.page.refusal import Limits, Refusal
from metaadapter.apps.page.session import Session
from metaadapter.apps.page.uploads import folder_of, on_disk, plain_name, uploaded_files
from metaadapter.data.table import ImageRow
from metaadapter.errors import MetaAdapterError
from metaadapter.features.encoded_pictures import EncodedPictures, encode_rows
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.workflow.class_texts import says_nothing
from metaadapter.workflow.predictions import IF_KNOWN, predict_pictures
from metaadapter.workflow.query_shift import QuerySample

Now = Annotated[
    bool, Query(description="Use the project's adapter as it is, before its latest edits.")
]


class SureAnswer(BaseModel, from_attributes=True):
    """The deepest sure name in the label tree of an adapter."""

    label: str | None
    probability: float
    level: int
    path: list[str]
    probabilities: list[float]


class Prediction(BaseModel, from_attributes=True):
    """One prediction, with the keys of `metaadapter predict --json`."""

    path: str
    label: str
    probability: float
    runner_up: str
    runner_up_probability: float
    in_support: bool
    probabilities: dict[str, float]
    known: float | None
    unfamiliar: bool
    set: list[str] | None
    sure: SureAnswer | None = None
    labels: list[str] | None = None

    @model_serializer(mode="wrap")
    def _without_unknown(self, serialized: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        values = serialized(self)
        return {k: v for k, v in values.items() if k not in IF_KNOWN or v is not None}


class Predictions(BaseModel):
    """The predictions of a request, their shift, and the files that could not be read."""

    predictions: list[Prediction]
    shift: Shift | None
    refused: list[RefusedFile]


routes = APIRouter(route_class=UploadRoute)


@routes.post("/predict")
async def predict(
    session: OpenSession,
    form: Annotated[Question, OF_FILES],
    folder: UploadFolder,
    state: AppState,
    now: Now = False,
) -> Predictions:
    """Predict pictures with the open project's adapter, or with the one in the field `adapter`."""

    def work() -> Predictions:
        if form.adapter is None:
            stored = _own_adapter(session, now=now)
        else:
            stored = _sent_adapter(form.adapter, folder, session)
        encoder = state.encoders.encoder(session.project.encoder, stored)
        pictures, refused = _encode(form, folder, encoder, state.limits)
        predictions, sample = predict_pictures(stored, pictures), QuerySample(stored)
        sample.add(pictures.features)
        content = {"predictions": predictions, "shift": sample.shift, "refused": refused}
        return Predictions.model_validate(content)

    async with state.my_turn():
        return await run_in_threadpool(work)


@routes.post("/adapt", response_class=Response)
async def adapt(
    session: OpenSession,
    form: Annotated[PictureFiles, OF_FILES],
    folder: UploadFolder,
    state: AppState,
) -> Response:
    """Predict an adapter from pictures named CLASS/FILE, and return it as a skill file."""

    def work() -> Response:
        encoder = session.project.encoder
        pictures, refused = _encode(form, folder, encoder, state.limits)
        content = skill_bytes(_fit(pictures, refused, encoder))
        headers = {"Content-Disposition": 'attachment; filename="classifier.adapter"'}
        return Response(content, media_type="application/octet-stream", headers=headers)

    async with state.my_turn():
        return await run_in_threadpool(work)


def _own_adapter(session: Session, *, now: bool) -> StoredAdapter:
    stored = session.results.stored if now else None
    stored = stored or session.wait_for_results().stored
    assert stored is not None
    return stored


def _sent_adapter(file: UploadFile, folder: Path, session: Session) -> StoredAdapter:
    name, path = plain_name(file.filename or ""), on_disk(file, folder / "adapter")
    try:
        stored = load_adapter(path, several=True)
    except MetaAdapterError as error:  # it names the file that the request has become
        raise type(error)(str(error).replace(str(path), f"the file {name}")) from error
    stored.config.origin.require_encoder(
        session.project.encoder.fingerprint, owner=f"the adapter {name}"
    )
    return stored


def _encode(
    form: PictureFiles, folder: Path, encoder: ImageEncoder, limits: Limits
) -> tuple[EncodedPictures, list[RefusedFile]]:
    """Encode the pictures of a form, under the client's names; return also the refused files."""
    names: dict[str, str] = {}
    refused = []
    for number, file in enumerate(uploaded_files(form.pictures, folder, limits)):
        if file.path is None:
            refused.append(RefusedFile(name=file.name, reason=file.reason))
            continue
        path = file.path.rename(folder / f"picture-{number}")
        names[str(path)] = file.name
    rows = [ImageRow(Path(path), None) for path in names]
    encoded = encode_rows(rows, encoder, views=1, seed=0)
    refused += [
        RefusedFile(name=names[str(picture.path)], reason=picture.reason)
        for picture in encoded.quarantined
    ]
    pictures = tuple(picture._replace(path=names[picture.path]) for picture in encoded.pictures)
    return replace(encoded, pictures=pictures, quarantined=()), refused


def _fit(
    pictures: EncodedPictures, refused: list[RefusedFile], encoder: ImageEncoder
) -> StoredAdapter:
    folders = [folder_of(path) for path in pictures.paths]
    if "" in folders:
        path = pictures.paths[folders.index("")]
        raise Refusal(
            422, "invalid", f"Expected pictures named CLASS/FILE, but one is named {path!r}."
        )
    if len(set(folders)) < 2:
        unread = f" {len(refused)} files could not be read." if refused else ""
        raise Refusal(
            422, "invalid", f"Expected pictures of two classes or more, named CLASS/FILE.{unread}"
        )
    labelled = tuple(
        picture._replace(label=folder)
        for picture, folder in zip(pictures.pictures, folders, strict=True)
    )
    names: dict[str, str | list[str]] = {
        folder: folder for folder in folders if not says_nothing(folder)
    }
    return fit(replace(pictures, pictures=labelled), names or None, encoder)
