"""The server, and the files of the page."""

from __future__ import annotations

import logging
import socket
from importlib.resources import files

import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp

from metaadapter.apps.page.refusal import Refusal

# Each connection counts as one of the files that the process may have open.
MAX_CONNECTIONS = 200
PREFIX = "/page/"
MEDIA_TYPES = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "json": "application/json",
    "mjs": "text/javascript",
    "svg": "image/svg+xml",
    "wasm": "application/wasm",
}
# Only the files that exist at the start are served, so no path that a client sends is opened.
FILES = {
    file.name: file
    for file in (files("metaadapter.apps.page") / "static").iterdir()
    if file.name.rpartition(".")[2] in MEDIA_TYPES
}


def run_server(app: ASGIApp, sockets: list[socket.socket]) -> None:
    """Serve until Ctrl-C or another signal; requests in progress are completed."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=3,
    )
    # The mistakes of a client concern the client, not the person at the terminal.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    uvicorn.Server(config).run(sockets=sockets)


def page_file(name: str) -> Response:
    """A file of the page; a `Refusal` if there is none of this name."""
    if name not in FILES:
        raise Refusal(404, "no-such-path", "There is nothing at this address.")
    media_type = MEDIA_TYPES[name.rpartition(".")[2]]
    return Response(
        FILES[name].read_bytes(), media_type=media_type, headers={"Cache-Control": "no-cache"}
    )
