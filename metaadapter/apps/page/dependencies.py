"""Values that the routes need: the state of the app, and the open session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, final

from fastapi import Depends, Request

from metaadapter.adapter.adapted_encoder import adapted_encoder, parts_mark
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.page.access import Access
from metaadapter.apps.page.exports import Exports
from metaadapter.apps.page.limits import Limits
from metaadapter.apps.page.projects import Projects
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.session import Session
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.image_encoder import ImageEncoder

# How long a request waits for the request before it.
MAX_WAIT_SECONDS = 60.0


@final
class AdaptedEncoders:
    """Builds encoders for adapters that have parts in the towers, and keeps the last encoder.

    An adapter is recognized by its parts, so an adapter that has changed gets a new encoder.
    """

    def __init__(self) -> None:
        # One value, so that another thread never sees half of it.
        self._last: tuple[ImageEncoder, str, Fingerprint | None, ImageEncoder] | None = None

    def encoder(self, base: ImageEncoder, stored: StoredAdapter) -> ImageEncoder:
        """The encoder for an adapter: `base` itself if the adapter has no parts in the towers."""
        config, last = stored.config, self._last
        if config.inside is None:
            return base
        mark, fingerprint = parts_mark(config.inside, stored.towers), config.origin.fingerprint
        if last is None or last[0] is not base or last[1:3] != (mark, fingerprint):
            self._last = last = base, mark, fingerprint, adapted_encoder(base, stored)
        return last[-1]


@dataclass(frozen=True, slots=True)
class State:
    """The state of the app, which all its requests share."""

    projects: Projects
    limits: Limits
    exports: Exports
    phone: Access | None = None
    """The permission of phones, if they are let in."""
    encoders: AdaptedEncoders = field(default_factory=AdaptedEncoders)
    turn: asyncio.Semaphore = field(default_factory=asyncio.Semaphore)

    @asynccontextmanager
    async def my_turn(self) -> AsyncIterator[None]:
        """Let one request after the other use the whole machine.

        A request does not wait in a thread, because the page needs the threads.
        """
        try:
            async with asyncio.timeout(MAX_WAIT_SECONDS):
                await self.turn.acquire()
        except TimeoutError:
            raise Refusal(
                429, "busy", "Other requests are in progress. Try again in a minute."
            ) from None
        try:
            yield
        finally:
            self.turn.release()


async def app_state(request: Request) -> State:
    """The state of the app."""
    state: State = request.app.state.shared
    return state


AppState = Annotated[State, Depends(app_state)]


async def open_session(state: AppState) -> Session:
    """The session of the open project; a `Refusal` while another project is being opened."""
    return state.projects.session


OpenSession = Annotated[Session, Depends(open_session)]
