"""The application while it starts: the page is there at once, and says what is being opened.

Importing the libraries and loading an encoder take seconds, so another thread does it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.resources import files
from typing import final

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from metaadapter.apps.page.guard import PHONE, error_response
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


SECONDS_BETWEEN_LOOKS = 0.05


@final
class Starting:
    """An application that hands all requests on to another one as soon as that is open.

    `opened` is called in a thread: a context with the application. Until then `/work`, which the
    page asks first, is refused as `opening`; other requests wait, so that programs need not.
    """

    def __init__(
        self, opened: Callable[[], AbstractContextManager[ASGIApp]], doing: Callable[[], str]
    ) -> None:
        self._opened, self._doing = opened, doing
        self._app: ASGIApp | None = None
        self._error: BaseException | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._open, name="opening")

    def __enter__(self) -> Starting:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close what was opened; an error of the opening is raised here."""
        self._ending.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    @property
    def has_failed(self) -> bool:
        """Return whether the opening has ended with an error."""
        return self._error is not None

    def _open(self) -> None:
        try:
            with self._opened() as app:
                self._app = app
                self._ending.wait()
        except BaseException as error:  # it is raised again in the main thread
            self._error = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that the guard has let through."""
        try:
            app = self._app or await self._early(scope)
        except Refusal as refusal:
            app = error_response(refusal)
        await app(scope, receive, send)

    async def _early(self, scope: Scope) -> ASGIApp:
        path = scope["path"]
        if path == "/":
            return page_file("phone.html" if scope[PHONE] else "index.html")
        if path.startswith(PREFIX):
            return page_file(path.removeprefix(PREFIX))
        if path == "/work":
            raise Refusal(503, "opening", self._doing())
        while self._app is None:
            if self.has_failed or self._ending.is_set():
                raise Refusal(503, "closed", "The project could not be opened.")
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
        return self._app
