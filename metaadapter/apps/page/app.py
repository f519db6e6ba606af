"""The application behind the guard: the page's files and the HTTP interface."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from metaadapter.apps.page import (
    answer_routes,
    download_routes,
    field_routes,
    forms,
    phone_routes,
    predict_routes,
    project_list_routes,
    project_routes,
)
from metaadapter.apps.page.access import Access
from metaadapter.apps.page.dependencies import State
from metaadapter.apps.page.exports import Exports
from metaadapter.apps.page.guard import PHONE, error_response
from metaadapter.apps.page.projects import Projects
from metaadapter.apps.page.refusal import Kind, Limits, Refusal, as_sentence, not_saved
from metaadapter.apps.page.server import PREFIX, page_file
from metaadapter.data.machine_errors import machine_error
from metaadapter.errors import (
    DataError,
    IncompatibleArtifact,
    MetaAdapterError,
    MissingPackage,
    UsageError,
)

STATUSES: dict[type[MetaAdapterError], tuple[int, Kind]] = {
    UsageError: (422, "usage"),
    DataError: (422, "data"),
    IncompatibleArtifact: (409, "incompatible-artifact"),
    MissingPackage: (409, "missing-package"),
}
ROUTERS = (
    *(project_routes.routes, project_routes.upload_routes, answer_routes.routes),
    *(project_list_routes.routes, download_routes.routes),
    *(predict_routes.routes, field_routes.routes, field_routes.upload_routes),
    phone_routes.code_routes,
)
"""The requests of the page, without those of phones."""
TOKEN = "The token in the address that `metaadapter serve` prints."
KINDS: dict[int, Kind] = {400: "form", 404: "no-such-path", 405: "method"}


def make_app(
    projects: Projects, limits: Limits | None = None, phone: Access | None = None
) -> ASGIApp:
    """Make the application for the open project; with `phone` also that of phones.

    The guard before it checks the permission of each request.
    """
    state = State(projects, limits or Limits(), Exports(), phone)
    app = _app(state, ROUTERS)
    app.get("/", include_in_schema=False)(lambda: page_file("index.html"))
    if phone is None:
        return app
    phone_app = _app(state, [phone_routes.routes])

    async def by_port(scope: Scope, receive: Receive, send: Send) -> None:
        await (phone_app if scope[PHONE] else app)(scope, receive, send)

    return by_port


def _app(state: State, routers: Iterable[APIRouter]) -> FastAPI:
    app = FastAPI(
        title="metaadapter serve",
        version="1",
        description="Takes pictures of a few classes; returns a classifier and its predictions.",
        docs_url=None,  # these pages would be loaded from another host
        redoc_url=None,
        responses={"default": {"model": forms.Error, "description": "The reason of a refusal"}},
        # The guard before the application checks the token; this only describes it.
        dependencies=[Depends(HTTPBearer(auto_error=False, description=TOKEN))],
    )
    app.state.shared = state
    for router in routers:
        app.include_router(router)
    app.get(f"{PREFIX}{{name}}", include_in_schema=False)(page_file)
    app.get("/docs", include_in_schema=False)(lambda: HTMLResponse(api_page(app.openapi())))
    for error in (
        MetaAdapterError,
        RequestValidationError,
        HTTPException,
        ClientDisconnect,
        Exception,
    ):
        app.add_exception_handler(error, _respond_to_error)
    return app


async def _respond_to_error(_: Request, error: Exception) -> Response:
    return error_response(_as_refusal(error))


def _as_refusal(error: Exception) -> Refusal:
    # The framework wraps the refusal of a body that is too long or too slow in its own error.
    if isinstance(error.__cause__, Refusal):
        return error.__cause__
    if isinstance(error, Refusal):
        return error
    if isinstance(error, HTTPException) and isinstance(error.__cause__, OSError):
        return not_saved(error.__cause__)  # the files of a form
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


# Usual pages of this kind load their scripts from another host, which this server does not allow.
HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="stylesheet" href="/page/colours.css">
<link rel="stylesheet" href="/page/api.css">
<main>
<h1>{title}</h1>
<p>{description}</p>
<p>Send the token of the printed address with each request, as <code>Authorization: Bearer
TOKEN</code>. Programs read the same description in <a href="/openapi.json">openapi.json</a>.</p>
"""


def api_page(document: dict[str, Any]) -> str:
    """The page for an OpenAPI document."""
    info = {key: escape(document["info"][key]) for key in ("title", "description")}
    return "".join([HEAD.format(**info), operations_and_objects(document), "</main>\n</html>\n"])


def operations_and_objects(document: dict[str, Any]) -> str:
    """The part of the page that an OpenAPI document determines, for another page as well."""
    parts: list[str] = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parts += _operation(f"{method.upper()} {path}", operation)
    parts.append("<h2>Objects</h2>\n")
    for name, schema in document["components"]["schemas"].items():
        parts.append(f'<section id="{escape(name)}">\n<h3>{escape(name)}</h3>\n')
        parts.append(f"<p>{escape(schema.get('description', ''))}</p>\n")
        parts += _table(
            (key, _kind(value), value.get("description", ""))
            for key, value in schema.get("properties", {}).items()
        )
        parts.append("</section>\n")
    return "".join(parts)


def _operation(address: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f"<section>\n<h3><code>{escape(address)}</code></h3>\n"
    yield f"<p>{escape(operation['description'])}</p>\n"
    rows = [
        (f"{item['name']} ({item['in']})", _kind(item["schema"]), item.get("description", ""))
        for item in operation.get("parameters", ())
    ]
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        rows.append((f"body ({media_type})", _kind(content["schema"]), ""))
    yield from _table(rows)
    answers = [
        _kind(content["schema"])
        for status, response in operation["responses"].items()
        for content in response.get("content", {}).values()
        if status.startswith("2") and content.get("schema")
    ]
    yield f"<p>Answer: {answers[0] if answers else 'a file'}</p>\n</section>\n"


def _table(rows: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    """A table of (name, type as HTML, meaning)."""
    lines = [
        f"<tr><td><code>{escape(name)}</code><td>{kind}<td>{escape(meaning)}</tr>\n"
        for name, kind, meaning in rows
    ]
    if lines:
        yield "<table>\n<tr><th>Name<th>Type<th>Meaning</tr>\n"
        yield from lines
        yield "</table>\n"


def _kind(schema: dict[str, Any]) -> str:
    """The type of a value in a few words, as HTML with links to the objects."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if options := schema.get("anyOf"):
        return " or ".join(map(_kind, options))
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in values)
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if schema.get("type") == "object":
        values = schema.get("additionalProperties") or next(
            iter(schema.get("patternProperties", {}).values()), None
        )
        return f"object of {_kind(values)}" if isinstance(values, dict) else "object"
    if schema.get("format") == "binary" or "contentMediaType" in schema:
        return "file"
    return escape(str(schema.get("type", "any value")))
