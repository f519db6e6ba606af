"""The routes of exports for other programs: an ONNX file, and a web page with its preview."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response

from metaadapter.adapter.skill import skill_bytes
from metaadapter.apps.export.web_page import fixed_contents
from metaadapter.apps.page import forms
from metaadapter.apps.page.contents import Contents
from metaadapter.apps.page.dependencies import AppState, OpenSession
from metaadapter.apps.page.download_routes import Threshold, decided, file_response
from metaadapter.apps.page.downloads import SortedPicture, prediction_table, whole_pictures
from metaadapter.apps.page.label_downloads import label_manifest, label_table
from metaadapter.apps.page.move_script import move_script
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.session import Session
from metaadapter.data.stored_zip import zip_bytes

CSP = "Content-Security-Policy"
# WebAssembly is compiled only with the permission of its page.
PREVIEW_CSP = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PREVIEW_TYPES = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "mjs": "text/javascript",
    "json": "application/json",
    "wasm": "application/wasm",
}

routes = APIRouter()


@routes.get("/take/onnx", response_class=Response)
def download_onnx(session: OpenSession, state: AppState) -> Response:
    """The encoder and the classifier as one ONNX file, which takes decoded pictures."""
    content = state.exports.onnx(session)
    return file_response(session, content, "classifier.onnx", "application/octet-stream")


@routes.get("/take/page.zip", response_class=Response)
def download_page(session: OpenSession, state: AppState) -> Response:
    """A page for any web host, on which everyone can have pictures predicted."""
    files = {f"page/{name}": file for name, file in state.exports.page(session).items()}
    return file_response(session, zip_bytes(files), "page.zip", "application/zip")


@routes.get("/preview/{name:path}", response_class=Response)
def preview_page(
    session: OpenSession,
    state: AppState,
    name: Annotated[str, Path(description="The path of a file in `page.zip`.")],
) -> Response:
    """A file of that page, to look at it before it is on a web host."""
    content = state.exports.page_file(session, name)
    if content is None:
        raise Refusal(404, "no-such-path", "There is nothing at this address.")
    kind = PREVIEW_TYPES.get(name.rpartition(".")[2], "application/octet-stream")
    return Response(content, media_type=kind, headers={CSP: PREVIEW_CSP})


@routes.get("/take/sizes")
def read_sizes(session: OpenSession, state: AppState, threshold: Threshold = 0.0) -> forms.Sizes:
    """The sizes of the downloads in bytes."""
    stored = session.wait_for_results().stored
    assert stored is not None

    def parts(
        pictures: list[SortedPicture], contents: Contents
    ) -> tuple[str, list[SortedPicture], list[str] | None]:
        # Boxes are cut out when the zip file is made.
        has_boxes = any(contents.pictures[picture.id].crop for picture in pictures)
        whole = None if has_boxes else [picture.id for picture in pictures]
        return prediction_table(pictures, contents), whole_pictures(pictures, contents), whole

    several = session.read(lambda contents: contents.several)
    table, moved, whole = decided(session, threshold, parts)
    onnx, is_made = state.exports.n_bytes(session)
    return forms.Sizes(
        answers=len(label_table(session) if several else table.encode()),
        pictures=None if whole is None else _n_bytes(session, whole),
        moves=None if several else len(move_script(moved).encode()),
        labels=len(session.read(label_manifest)) if several else None,
        adapter=len(skill_bytes(stored)),
        onnx=onnx,
        page=None if onnx is None else onnx + sum(map(len, fixed_contents().values())),
        is_made=is_made,
    )


def _n_bytes(session: Session, pictures: list[str]) -> int:
    files = map(session.project.pictures.path, pictures)
    return sum(file.stat().st_size for file in files if file.is_file())
