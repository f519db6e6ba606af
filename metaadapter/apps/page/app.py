"""The application behind the guard: the page's files and the HTTP interface."""

from __future__ import annotations

import logging

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp

from metaadapter.apps.page.access import Access
from metaadapter.apps.page.guard import PHONE
from metaadapter.apps.page.projects import Projects
from metaadapter.apps.page.refusal import Limits, Refusal, as_sentence, error_response
from metaadapter.apps.page.routes import (
    answer_routes,
    download_routes,
    field_routes,
    phone_routes,
    predict_routes,
    project_list_routes,
    project_routes,
)
from metaadapter.apps.page.routes.dependencies import State
from metaadapter.apps.page.server import PREFIX, page_file
from metaadapter.errors import (
    DataError,
    IncompatibleArtifact,
    MetaAdapterError,
    MissingPackage,
    UsageError,
)
from metaadapter.files.machine_errors import machine_error

STATUSES: dict[type[MetaAdapterError], tuple[int, str]] = {
    UsageError: (422, "usage"),
    DataError: (422, "data"),
    IncompatibleArtifact: (409, "incompatible-artifact"),
    MissingPackage: (409, "missing-package"),
}
ROUTERS = (
    *(project_routes.routes, project_routes.upload_routes, answer_routes.routes),
    *(project_list_routes.routes, download_routes.routes),
    *(predict_routes.routes, field_routes.routes, field_routes.upload_routes),
    phone_routes.routes,
)
"""The requests of the page."""
TOKEN = "The token in the address that `metaadapter serve` prints."
KINDS = {400: "form", 404: "no-such-path", 405: "method"}


def make_app(
    projects: Projects, limits: Limits | None = None, phone: Access | None = None
) -> ASGIApp:
    """Make the application for the open project; `phone` is the permission of phones.

    The guard before it checks the permission of each request.
    """
    app = FastAPI(
        title="metaadapter serve",
        version="1",
        description="Takes pictures of a few classes; returns a classifier and its predictions.",
        docs_url=None,  # these pages would be loaded from another host
        redoc_url=None,
        # The guard before the application checks the token; this only describes it.
        dependencies=[Depends(HTTPBearer(auto_error=False, description=TOKEN))],
    )
    app.state.shared = State(projects, limits or Limits(), phone)
    for router in ROUTERS:
        app.include_router(router)
    app.get("/", include_in_schema=False)(_start_page)
    app.get(f"{PREFIX}{{name}}", include_in_schema=False)(page_file)
    for error in (
        MetaAdapterError,
        RequestValidationError,
        HTTPException,
        ClientDisconnect,
        Exception,
    ):
        app.add_exception_handler(error, _respond_to_error)
    return app


async def _start_page(request: Request) -> Response:
    return page_file("phone.html" if request.scope[PHONE] else "index.html")


async def _respond_to_error(_: Request, error: Exception) -> Response:
    return error_response(_as_refusal(error))


def _as_refusal(error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    # The framework wraps the refusal of a body that is too long, and the error of a full disk.
    if isinstance(error, HTTPException) and isinstance(error.__cause__, Refusal | OSError):
        return _as_refusal(error.__cause__)
    if isinstance(error, ClientDisconnect):
        return Refusal(400, "left", "The client left before its request was complete.")
    if isinstance(error, RequestValidationError):
        fault = error.errors()[0]
        where = ".".join(str(part)[:60] for part in fault["loc"] if part not in ("body", "query"))
        sentence = f"The request is not valid in {where or 'its body'}: {fault['msg']}."
        return Refusal(422, "invalid", sentence)
    if isinstance(error, HTTPException):
        kind = KINDS.get(error.status_code, "invalid")
        return Refusal(error.status_code, kind, f"{str(error.detail).rstrip('.')}.")
    for error_type, (status, kind) in STATUSES.items():
        if isinstance(error, error_type):
            return Refusal(status, kind, as_sentence(error))
    if (shortage := machine_error(error)) is not None:
        return Refusal(503, "machine", as_sentence(shortage))
    logging.getLogger(__name__).error("a request failed", exc_info=error)
    return Refusal(
        500,
        "unexpected",
        f"Unexpected {type(error).__name__}. This is a fault of metaadapter: report it, with the "
        "message in the terminal.",
    )
