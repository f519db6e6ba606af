"""The routes of downloads: the adapter, the predictions, and the pictures sorted into folders."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, TypeVar
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse

from metaadapter.adapter.skill import skill_bytes
from metaadapter.apps.page.contents import Contents
from metaadapter.apps.page.dependencies import OpenSession
from metaadapter.apps.page.downloads import (
    SortedPicture,
    folder_name,
    prediction_table,
    sorted_pictures,
    whole_pictures,
    zip_pieces,
)
from metaadapter.apps.page.label_downloads import (
    label_manifest,
    label_table,
    require_own_names,
)
from metaadapter.apps.page.labelling import require_one_label
from metaadapter.apps.page.move_script import move_script
from metaadapter.apps.page.session import Session

Threshold = Annotated[
    float,
    Query(
        alias="sure",
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Predictions with a probability below it do not count.",
    ),
]

Value = TypeVar("Value")

routes = APIRouter(prefix="/take")


@routes.get("/adapter", response_class=Response)
def download_adapter(session: OpenSession) -> Response:
    """The classifier as a skill file."""
    stored = session.wait_for_results().stored
    assert stored is not None
    return file_response(
        session, skill_bytes(stored), "classifier.adapter", "application/octet-stream"
    )


@routes.get("/answers.csv", response_class=Response)
def download_predictions(session: OpenSession, threshold: Threshold = 0.0) -> Response:
    """The predictions as a table; with several labels that of `metaadapter predict`."""
    if session.read(lambda contents: contents.several):
        _require_no_minimum(session, threshold)
        table = label_table(session)
    else:
        table = decided(session, threshold, prediction_table).encode()
    return file_response(session, table, "answers.csv", "text/csv; charset=utf-8")


@routes.get("/labels.csv", response_class=Response)
def download_labels(session: OpenSession) -> Response:
    """The labels of people as a manifest, which `metaadapter adapt --several` reads."""
    session.read(require_own_names)
    table = session.read(label_manifest)
    return file_response(session, table, "labels.csv", "text/csv; charset=utf-8")


@routes.get("/pictures.zip", response_class=StreamingResponse)
def download_pictures(session: OpenSession, threshold: Threshold = 0.0) -> Response:
    """The pictures in folders named by class."""
    pictures = decided(session, threshold, lambda pictures, _: pictures)
    return StreamingResponse(
        zip_pieces(pictures, session.picture),
        media_type="application/zip",
        headers=_headers(session, "pictures.zip"),
    )


@routes.get("/moves.sh", response_class=Response)
def download_moves(session: OpenSession, threshold: Threshold = 0.0) -> Response:
    """A shell script that moves the user's own files."""
    session.read(lambda contents: require_one_label(contents, "A script that moves files"))
    script = move_script(decided(session, threshold, whole_pictures))
    return file_response(session, script.encode(), "moves.sh", "text/x-shellscript; charset=utf-8")


def decided(
    session: Session, threshold: float, use: Callable[[list[SortedPicture], Contents], Value]
) -> Value:
    """Call `use` with all pictures, sorted by their labels and predictions, and the contents.

    It waits until the predictions are up to date. Nothing changes the contents during the call.
    """
    _require_no_minimum(session, threshold)
    predictions = session.wait_for_results().answers
    return session.read(
        lambda contents: use(sorted_pictures(contents, predictions, threshold), contents)
    )


def _require_no_minimum(session: Session, threshold: float) -> None:
    if threshold:
        session.read(lambda contents: require_one_label(contents, "A minimum for all classes"))


def file_response(session: Session, content: bytes, name: str, media_type: str) -> Response:
    """A file that the browser saves under the names of the project and of the file, and the day."""
    return Response(content, media_type=media_type, headers=_headers(session, name))


def _headers(session: Session, name: str) -> dict[str, str]:
    project = "-".join(folder_name(session.project.facts.name).split())
    dated = f"{project}-{date.today()}-{name}"
    ascii_name = dated.encode("ascii", "replace").decode().replace("?", "_")
    encoded = f"filename*=UTF-8''{quote(dated, safe='')}"
    return {"Content-Disposition": f'attachment; filename="{ascii_name}"; {encoded}'}
