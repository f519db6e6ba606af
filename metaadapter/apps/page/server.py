"""Runs the server on this machine until it is told to end."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from contextlib import closing

import uvicorn
from starlette.types import ASGIApp

from metaadapter.apps.page.connections import MOST_CONNECTIONS, PromptConnection
from metaadapter.errors import UsageError

HOST = "127.0.0.1"
WAITING_CONNECTIONS = 64


def listening_socket(port: int) -> socket.socket:
    """A socket that listens on this machine alone; for port 0 on one that is free.

    Raises:
        UsageError: The port is taken, or may not be used.
    """
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # A server that has just ended leaves its port closed for a minute else.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((HOST, port))
        opened.listen(WAITING_CONNECTIONS)
    except OSError as error:
        opened.close()
        raise UsageError(
            f"--port {port} cannot be used ({error.strerror}); another program has it, or it is "
            "reserved: give another one, or leave --port out for one that is free"
        ) from error
    return opened


def run_server(
    app: ASGIApp, listening: socket.socket, ready: Callable[[], None] | None = None
) -> None:
    """Answer requests until Ctrl-C or another signal; requests that have begun are answered.

    Args:
        app: The application.
        listening: The socket; it is closed in the end.
        ready: Called once requests are answered.
    """
    config = uvicorn.Config(
        app,
        http=PromptConnection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=3,
    )
    # What clients do wrong is told to them, not to the person at the terminal.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    with closing(listening):
        _Server(config, ready).run(sockets=[listening])


class _Server(uvicorn.Server):
    """A server that says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._ready is not None:
            self._ready()
