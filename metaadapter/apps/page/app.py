"""The application: the page's files, the HTTP interface, and the guard before both."""

from __future__ import annotations

import logging
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from metaadapter.apps.page import forms
from metaadapter.apps.page.guards import Access, Guard, error_response
from metaadapter.apps.page.interface import project_routes
from metaadapter.apps.page.one_off_routes import one_off_routes
from metaadapter.apps.page.projects import Projects
from metaadapter.apps.page.receiving import Limits
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.taking_routes import taking_routes
from metaadapter.data.refusals import refusal as refused_by_machine
from metaadapter.errors import (
    DataError,
    IncompatibleArtifact,
    MetaAdapterError,
    MissingPackage,
    UsageError,
)

MEDIA_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
STATUSES: dict[type[MetaAdapterError], tuple[int, str]] = {
    UsageError: (422, "usage"),
    DataError: (422, "data"),
    IncompatibleArtifact: (409, "incompatible-artifact"),
    MissingPackage: (409, "missing-package"),
}
KINDS = {400: "form", 404: "no-such-path", 405: "method"}


def make_app(projects: Projects, access: Access, limits: Limits | None = None) -> ASGIApp:
    """The application for the open project; only what `access` allows comes through."""
    limits = limits or Limits()
    errors: dict[int | str, dict[str, Any]] = {"default": {"model": forms.Error}}
    app = FastAPI(
        title="metaadapter serve",
        version="1",
        description="Pictures of a few classes in, a classifier and its answers out.",
        docs_url=None,  # these pages would be loaded from another host
        redoc_url=None,
        responses=errors,
    )
    app.include_router(project_routes(projects, limits))
    app.include_router(taking_routes(projects))
    app.include_router(one_off_routes(projects, limits))
    _add_page(app)
    app.add_exception_handler(MetaAdapterError, _refuse)
    app.add_exception_handler(RequestValidationError, _refuse)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_exception_handler(ClientDisconnect, _refuse)
    app.add_exception_handler(Exception, _refuse)
    return Guard(app, access, limits)


def _add_page(app: FastAPI) -> None:
    """The files of the page, which are those that are there now: no path of a client is opened."""
    folder = files("metaadapter.apps.page") / "static"
    there = folder.iterdir() if folder.is_dir() else ()
    contents = {
        each.name: each
        for each in there
        if "." in each.name and each.name[each.name.rindex(".") :] in MEDIA_TYPES
    }

    @app.get("/page/{name}", include_in_schema=False)
    def read_page_file(name: str) -> Response:
        if name not in contents:
            raise Refusal(404, "no-such-path", "There is nothing at this address.")
        media_type = MEDIA_TYPES[name[name.rindex(".") :]]
        headers = {"Cache-Control": "no-cache"}
        return Response(contents[name].read_bytes(), media_type=media_type, headers=headers)

    @app.get("/", include_in_schema=False)
    def read_page() -> Response:
        return read_page_file("index.html")


async def _refuse(_: Request, error: Exception) -> Response:
    return error_response(_as_refusal(error))


def _as_refusal(error: Exception) -> Refusal:
    # A body that is too long, or too slow, comes wrapped in what the framework makes of it.
    if isinstance(error.__cause__, Refusal):
        return error.__cause__
    if isinstance(error, Refusal):
        return error
    if isinstance(error, ClientDisconnect):
        return Refusal(400, "left", "The client has left before its request was whole.")
    if isinstance(error, RequestValidationError):
        return Refusal(422, "invalid", _told(error))
    if isinstance(error, HTTPException):
        kind = KINDS.get(error.status_code, "invalid")
        return Refusal(error.status_code, kind, f"{str(error.detail).rstrip('.')}.")
    for kind_of_error, (status, kind) in STATUSES.items():
        if isinstance(error, kind_of_error):
            return Refusal(status, kind, f"{str(error)[:1].upper()}{str(error)[1:]}.")
    if (refused := refused_by_machine(error)) is not None:
        return Refusal(503, "machine", f"{str(refused)[:1].upper()}{str(refused)[1:]}.")
    logging.getLogger(__name__).error("a request failed", exc_info=error)
    return Refusal(
        500,
        "unexpected",
        f"Unexpected {type(error).__name__}. This is a fault of metaadapter: report it, with what "
        "the terminal says.",
    )


def _told(error: RequestValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part)[:60] for part in first["loc"] if part not in ("body", "query"))
    return f"The request is not as it should be: {where or 'its body'}: {first['msg']}."
