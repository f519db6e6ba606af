"""The open session as one client edits it: who sends the edit, for which project, and only once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
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
        message: str,
        changes: Callable[[Contents], tuple[Change, ...]],
        *,
        stops: bool = False,
    ) -> Revised:
        """Make and save an edit, unless the same request has made it before; see `change`."""
        revision, _ = self.change(
            lambda history, origin: history.make(message, changes(history.contents), origin),
            stops=stops,
        )
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
    if project and unquote(project) != folder.name:
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
