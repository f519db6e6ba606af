"""The server, which limits connections and their waiting times, and the page while it starts.

By default only this machine can ask. Importing the libraries and loading an encoder take seconds,
so another thread does it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from importlib.resources import files
from operator import attrgetter
from typing import Any, final

import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from metaadapter.apps.page.access import listening_socket
from metaadapter.apps.page.guard import PERMITTED, PHONE, error_response
from metaadapter.apps.page.refusal import Refusal
from metaadapter.errors import UsageError

# Each connection counts as one of the files that the process may have open.
MAX_CONNECTIONS = 200
HEADER_SECONDS = 5.0
# Tenths of a second between two tries to listen at the former port.
TICKS_A_TRY = 10


def run_server(
    app: ASGIApp,
    listening: socket.socket,
    ready: Callable[[], None] = lambda: None,
    *,
    also: Sequence[socket.socket] = (),
    former_port: int | None = None,
    is_over: Callable[[], bool] = lambda: False,
) -> None:
    """Serve until Ctrl-C, another signal or `is_over`; requests in progress are completed.

    The sockets are closed at the end. `ready` is called once the server accepts requests. When
    `former_port` becomes free, the server listens there too.
    """
    config = uvicorn.Config(
        app,
        http=_TimedConnection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=3,
    )
    # The mistakes of a client concern the client, not the person at the terminal.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    with ExitStack() as stack:
        sockets = [stack.enter_context(closing(one)) for one in (listening, *also)]
        _Server(config, ready, is_over, former_port).run(sockets=sockets)


class _Server(uvicorn.Server):
    def __init__(
        self,
        config: uvicorn.Config,
        ready: Callable[[], None],
        is_over: Callable[[], bool],
        former_port: int | None,
    ) -> None:
        super().__init__(config)
        self._ready, self._is_over, self._former_port = ready, is_over, former_port

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second; return whether the server should end."""
        if self._former_port is not None and counter % TICKS_A_TRY == 0:
            with suppress(UsageError):  # another program has it
                former = listening_socket(self._former_port)
                servers, self._former_port = self.servers, None
                # uvicorn starts listening here, and forgets the sockets before.
                await super().startup([former])
                self.servers += servers
        return self._is_over() or await super().on_tick(counter)


class _TimedConnection(H11Protocol):
    """A connection that is closed if the header of a request takes longer than `HEADER_SECONDS`.

    Uvicorn itself waits forever for the rest of a header, so a few hundred unfinished headers would
    use up all connections that the process may have. Beyond `MAX_CONNECTIONS`, the oldest one that
    has not shown the token is closed, so strangers never keep a client with the token out.
    """

    _deadline: asyncio.TimerHandle | None = None
    _made = 0.0

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._made = self.loop.time()
        mine = [one for one in self.connections if isinstance(one, _TimedConnection)]
        open_ones = [one for one in mine if not one.transport.is_closing()]
        if len(open_ones) > MAX_CONNECTIONS:
            # The new connection is a stranger until its first request.
            strangers = [one for one in open_ones if PERMITTED not in (one.scope or {})]
            min(strangers, key=attrgetter("_made")).transport.abort()
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        # The timer stops at the end of a header and starts at the beginning of the next one.
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_timer()
        elif self._deadline is None:
            self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._stop_timer()  # uvicorn has a time limit of its own for idle connections
        super().on_response_complete()

    def _start_timer(self) -> None:
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._time_out)

    def _stop_timer(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _time_out(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.close()


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
