"""Connections that do not stay half open: a request's head must come within some seconds.

Uvicorn waits for ever for the rest of a head, and a few hundred such connections would be all that
a process can have.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

SECONDS_FOR_A_HEAD = 10.0
MOST_CONNECTIONS = 200


class PromptConnection(H11Protocol):
    """A connection that ends itself unless a whole head comes soon after its first byte may."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first head."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()  # each open one takes a file of those that the process can have
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take some bytes; a whole head ends the waiting, the beginning of one begins it."""
        super().data_received(data)
        answering = self.cycle is not None and not self.cycle.response_complete
        if answering:
            self._end_waiting()
        elif self._deadline is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._end_waiting()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Uvicorn's own time limit watches an idle connection from here on."""
        self._end_waiting()
        super().on_response_complete()

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(SECONDS_FOR_A_HEAD, self._give_up)

    def _end_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.close()
