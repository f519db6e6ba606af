"""Values that the routes need: the state of the app, the open session, and who edits it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from secrets import token_hex
from typing import Annotated, TypeVar
from urllib.parse import unquote

from fastapi import Depends, Header, Request

from metaadapter.apps.page.access import Access
from metaadapter.apps.page.contents import Contents, Edit, Origin
from metaadapter.apps.page.history import History
from metaadapter.apps.page.projects import Projects
from metaadapter.apps.page.refusal import Limits, Refusal
from metaadapter.apps.page.routes.forms import Reply
from metaadapter.apps.page.session import Session
from metaadapter.files.plain_text import one_line

SECONDS_BETWEEN_LOOKS = 0.05


@dataclass(frozen=True, slots=True)
class State:
    """The state of the app, which all its requests share."""

    projects: Projects
    limits: Limits
    phone: Access | None = None
    """The permission of phones, if they are let in."""


async def app_state(request: Request) -> State:
    """The state of the app; while a project is opened, requests wait, so that programs need not.

    Only the page's question for the work is answered at once, so that the page says what is done.
    """
    state: State = request.app.state.shared
    while state.projects.is_opening and request.url.path != "/work":
        await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
    return state


AppState = Annotated[State, Depends(app_state)]


async def open_session(state: AppState) -> Session:
    """The session of the open project; a `Refusal` while there is none."""
    return state.projects.session


OpenSession = Annotated[Session, Depends(open_session)]


MAX_AUTHOR_LENGTH = 40

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Editor:
    """A session, and the origin of the edits of one request."""

    session: Session
    origin: Origin

    def edit(self, edit: Callable[[Contents], Edit]) -> Reply:
        """Make and save an edit, unless the same request has made it before; see `change`.

        `edit` makes it from the contents, or refuses it.
        """

        def make(history: History) -> None:
            history.make(replace(edit(history.contents), origin=self.origin))

        return {"revision": self.change(make)[0]}

    def change(self, action: Callable[[History], Value]) -> tuple[int, Value | None]:
        """Edit, undo or redo; return the new revision, and `None` for a request sent again."""
        return self.session.change(action, self.origin.key)

    def new_class_id(self) -> str:
        """An id for a new class, the same one if the request is sent again."""
        key = self.origin.key
        return sha256(f"class {key}".encode()).hexdigest()[:12] if key else token_hex(6)


async def open_editor(
    session: OpenSession,
    author: Annotated[
        str,
        Header(
            alias="Metaadapter-Author",
            description="The name of the person who makes the edit, percent-encoded.",
            max_length=1000,
        ),
    ] = "",
    project: Annotated[
        str,
        Header(
            alias="Metaadapter-Project",
            description="The last part of `folder` in `GET /project`, percent-encoded: the edit is "
            "refused if another project is open.",
            max_length=1000,
        ),
    ] = "",
    key: Annotated[
        str,
        Header(
            alias="Idempotency-Key",
            description="Any text of the client: a request that is sent again with it is done "
            "once, also after a restart.",
            pattern=r"^[\w-]{0,64}$",
        ),
    ] = "",
) -> Editor:
    """The editor of a request; a `Refusal` if the request is for another project."""
    facts, folder = session.project.facts, session.project.folder
    # What the page has is the folder as it is shown.
    if project and unquote(project) != re.split(r"[\\/]", one_line(folder))[-1]:
        raise Refusal(
            409,
            "another-project",
            f"This change is for another project, but {facts.name} is open. Open the other project "
            "again to save the change.",
            name=facts.name,
        )
    by = one_line(" ".join(unquote(author).split()))[:MAX_AUTHOR_LENGTH]
    return Editor(
        session, Origin(by=by, at=datetime.now(UTC).isoformat(timespec="seconds"), key=key)
    )


OpenEditor = Annotated[Editor, Depends(open_editor)]
