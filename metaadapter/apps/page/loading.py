"""The page while torch and the application are imported, which takes seconds."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import final

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from metaadapter.apps.page.guard import PHONE
from metaadapter.apps.page.refusal import Refusal, error_response
from metaadapter.apps.page.server import PREFIX, page_file


@final
class Loading:
    """Passes requests on to an application; until there is one, serves the page's files itself.

    `/work` then answers as while a project is opened. Other requests wait.
    """

    def __init__(self, app: Future[ASGIApp]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        early = None if self._app.done() else _early_response(scope)
        if early is None:
            app = await asyncio.wrap_future(self._app)
            await app(scope, receive, send)
        else:
            await early(scope, receive, send)


def _early_response(scope: Scope) -> Response | None:
    path = scope["path"]
    try:
        if path == "/work":
            return JSONResponse(Refusal(503, "opening", "Starting metaadapter …").content)
        if path == "/":
            return page_file("phone.html" if scope[PHONE] else "index.html")
        return page_file(path.removeprefix(PREFIX)) if path.startswith(PREFIX) else None
    except Refusal as refusal:
        return error_response(refusal)
