"""The open session as one client edits it: who sends the edit, for which project, and only once."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from secrets import token_hex
from typing import Annotated, TypeVar
from urllib.parse import unquote

from fastapi import Depends, Header

from metaadapter.apps.page.contents import Change, Contents, Origin
from metaadapter.apps.page.dependencies import OpenSession
from metaadapter.apps.page.forms import Revised
from metaadapter.apps.page.history import History
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.session import Session
from metaadapter.data.plain_text import one_line

MAX_AUTHOR_LENGTH = 40

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Editor:
    """A session, and the origin of the edits of one request."""

    session: Session
    origin: Origin

    def edit(
        self,
        message: str | Callable[[Contents], str],
        changes: Callable[[Contents], tuple[Change, ...]],
        *,
        stops: bool = False,
    ) -> Revised:
        """Make and save an edit, unless the same request has made it before; see `change`.

        A `message` that depends on the contents, or refuses the edit, is a function of them.
        """

        def make(history: History, origin: Origin) -> None:
            contents = history.contents
            text = message if isinstance(message, str) else message(contents)
            history.make(text, changes(contents), origin)

        revision, _ = self.change(make, stops=stops)
        return Revised(revision=revision)

    def change(
        self, action: Callable[[History, Origin], Value], *, stops: bool = False
    ) -> tuple[int, Value | None]:
        """Edit, undo or redo; return the new revision, and `None` for a request sent again.

        If it `stops`, no picture is encoded before the next edit.
        """
        return self.session.change(
            lambda history: action(history, self.origin), self.origin.key, stops=stops
        )

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
