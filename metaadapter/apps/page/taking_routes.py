"""What a user takes along: the adapter, the answers, and the pictures sorted into folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse

from metaadapter.adapter.skill import skill_bytes
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.page.desk import Desk
from metaadapter.apps.page.projects import Projects
from metaadapter.apps.page.take_along import (
    Sorted,
    answer_table,
    move_script,
    sorted_pictures,
    zip_pieces,
)
from metaadapter.data.table import ImageRow
from metaadapter.features.encoded_pictures import EncodedPictures, encode_rows
from metaadapter.features.image_encoder import ImageEncoder

# Checking an ONNX file with more of the project's pictures would keep its user waiting.
MOST_CHECKED = 20
Sure = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)]


def taking_routes(projects: Projects) -> APIRouter:
    """Files to save; each waits for the answers to what was changed last."""
    routes = APIRouter(prefix="/take")

    @routes.get("/adapter", response_class=Response)
    def take_adapter() -> Response:
        stored = projects.desk.answered().stored
        assert stored is not None
        return _file(skill_bytes(stored), "classifier.adapter", "application/octet-stream")

    @routes.get("/answers.csv", response_class=Response)
    def take_answers(sure: Sure = 0.0) -> Response:
        desk = projects.desk
        pictures = _sorted(desk, sure)
        table = desk.look(lambda it: answer_table(pictures, it))
        return _file(table.encode(), "answers.csv", "text/csv; charset=utf-8")

    @routes.get("/pictures.zip", response_class=StreamingResponse)
    def take_pictures(sure: Sure = 0.0) -> Response:
        desk = projects.desk
        pictures = _sorted(desk, sure)
        files = {each.picture: desk.project.pictures.path(each.picture) for each in pictures}
        pieces = zip_pieces(pictures, files)
        headers = _headers("pictures.zip")
        return StreamingResponse(pieces, media_type="application/zip", headers=headers)

    @routes.get("/moves.sh", response_class=Response)
    def take_moves(sure: Sure = 0.0) -> Response:
        script = move_script(_sorted(projects.desk, sure))
        return _file(script.encode(), "moves.sh", "text/x-shellscript; charset=utf-8")

    @routes.get("/onnx", response_class=Response)
    def take_onnx() -> Response:
        """The classifier behind its encoder, so that a decoded picture goes in."""
        desk = projects.desk
        found = desk.answered()
        assert found.stored is not None
        content = onnx_of(found.stored, desk.project.encoder, desk.picture_files())
        return _file(content, "classifier.onnx", "application/octet-stream")

    return routes


def _sorted(desk: Desk, sure: float) -> list[Sorted]:
    answers = desk.answered().answers
    return desk.look(lambda it: sorted_pictures(it, answers, sure))


def _file(content: bytes, name: str, media_type: str) -> Response:
    return Response(content, media_type=media_type, headers=_headers(name))


def _headers(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def onnx_of(stored: StoredAdapter, encoder: ImageEncoder, pictures: Sequence[Path]) -> bytes:
    """An ONNX file that was asked about some pictures and answers as this library does.

    Raises:
        MissingPackage: ONNX files cannot be made here.
        UsageError: The encoder cannot be exported.
        IncompatibleArtifact: The file would answer otherwise.
    """
    from metaadapter.apps.export.exporting import ExportModel, export_onnx
    from metaadapter.apps.export.onnx_model import require_onnx

    require_onnx()

    def read() -> EncodedPictures:
        rows = [ImageRow(path, None) for path in pictures[:MOST_CHECKED]]
        return encode_rows(rows, encoder, views=1, seed=0)

    model = ExportModel.with_encoder(stored, encoder, read)
    return export_onnx(model, lambda _: None, owner="the ONNX file").content
