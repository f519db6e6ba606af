"""The files of the page, which the server hands out while the project is still being opened."""

from __future__ import annotations

from importlib.resources import files

from starlette.responses import Response

from metaadapter.apps.page.refusal import Refusal

PREFIX = "/page/"
MEDIA_TYPES = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "json": "application/json",
    "svg": "image/svg+xml",
}
# Only the files that exist at the start are served, so no path that a client sends is opened.
FILES = {
    file.name: file
    for file in (files("metaadapter.apps.page") / "static").iterdir()
    if file.name.rpartition(".")[2] in MEDIA_TYPES
}


def page_file(name: str) -> Response:
    """A file of the page; a `Refusal` if there is none of this name."""
    if name not in FILES:
        raise Refusal(404, "no-such-path", "There is nothing at this address.")
    media_type = MEDIA_TYPES[name.rpartition(".")[2]]
    return Response(
        FILES[name].read_bytes(), media_type=media_type, headers={"Cache-Control": "no-cache"}
    )
