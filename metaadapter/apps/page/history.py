"""The history of a project on disk: a chain with one record per edit.

An edit counts once its record is on disk, so an edit that was shown as saved survives a kill at any
moment.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from metaadapter.apps.page.chain import BEGIN, Chain
from metaadapter.apps.page.contents import Change, Contents, Edit, Origin
from metaadapter.apps.page.leftovers import copy_aside
from metaadapter.apps.page.refusal import Refusal
from metaadapter.data.output_folder import write_errors

# A larger file is shortened when the project is opened; this many edits can still be undone then.
MAX_BYTES, KEPT_EDITS = 2**24, 200
INSTEAD = "choose another project"


class Step(NamedTuple):
    """An edit that was made, undone or redone, and by whom."""

    what: Literal["edit", "undo", "redo"]
    edit: Edit
    origin: Origin


@dataclass(slots=True)
class Past:
    """The contents after the records of a history, and the steps that led there."""

    contents: Contents = field(default_factory=Contents)
    steps: deque[Step] = field(default_factory=lambda: deque(maxlen=KEPT_EDITS))
    """The latest steps, the last one last."""
    keys: dict[str, None] = field(default_factory=dict)
    """The keys of the requests that were done, the last one last."""

    def enter(self, values: dict[str, Any], edit: Edit | None = None) -> None:
        """Make, undo or redo what a record says; `edit` is its edit if it is at hand."""
        origin, contents = Origin.model_validate(values), self.contents
        if "edit" in values:
            edit = edit or Edit.model_validate(values["edit"])
            contents.make(edit.model_copy(update={"origin": origin}))
            self.steps.append(Step("edit", contents.done[-1], origin))
        elif "undo" in values:
            contents.undo()
            self.steps.append(Step("undo", contents.undone[-1], origin))
        elif "redo" in values:
            contents.redo()
            self.steps.append(Step("redo", contents.done[-1], origin))
        else:
            contents.make(Edit.model_validate(values[BEGIN]))
            contents.done.clear()
            self.keys |= dict.fromkeys(values.get("keys", ()))
        if origin.key:
            self.keys[origin.key] = None


def read_contents(path: Path) -> Contents:
    """The contents after all edits in a file, which another process may have open."""
    past = Past()
    Chain(path).read(past.enter)
    return past.contents


class History:
    """The contents of a project, and the file that its edits are appended to.

    A line that was cut off by a kill does not count. Without its head a history keeps its whole
    lines, and gets a new head.
    """

    def __init__(self, path: Path) -> None:
        self.past = Past()
        self.saved = True
        """True if the latest edit could be written."""
        self._owner = f"the project {path.parent}"
        self._chain = Chain(path)
        has_head = self._chain.head.exists()
        records: list[dict[str, Any]] = []

        def enter(values: dict[str, Any]) -> None:
            self.past.enter(values)
            if not has_head:
                records.append(values)

        self._chain.read(enter)
        with write_errors(self._owner, instead=INSTEAD):
            if not has_head:
                if self._chain.is_cut():
                    copy_aside(path)
                self._chain.replace(records)
            self._chain.prepare()
            if path.stat().st_size > MAX_BYTES:
                self._shorten()

    @property
    def contents(self) -> Contents:
        """The contents after all edits."""
        return self.past.contents

    def make(self, message: str, changes: tuple[Change, ...], origin: Origin | None = None) -> None:
        """Make and save an edit if there is a change; a `DataError` if it cannot be saved."""
        if changes:
            edit = Edit.of(message, changes)
            self._append({"edit": _dump(edit)}, origin, edit)

    def undo(self, origin: Origin | None = None) -> Edit:
        """Undo the latest edit and save this step; return the edit."""
        if not self.contents.done:
            raise Refusal(409, "nothing-to-undo", "There is nothing to undo.")
        self._append({"undo": True}, origin)
        return self.contents.undone[-1]

    def redo(self, origin: Origin | None = None) -> Edit:
        """Redo the edit that was undone last and save this step; return the edit."""
        if not self.contents.undone:
            raise Refusal(409, "nothing-to-redo", "There is nothing to redo.")
        self._append({"redo": True}, origin)
        return self.contents.done[-1]

    def _append(
        self, values: dict[str, Any], origin: Origin | None, edit: Edit | None = None
    ) -> None:
        self.saved = False
        record = {**values, **_origin(origin or Origin())}
        with write_errors(self._owner, "This edit was not made.", instead=INSTEAD):
            self._chain.append(record)
        self.saved = True
        self.past.enter(record, edit)

    def _shorten(self) -> None:
        """Write the history anew; its older edits become one edit that cannot be undone."""
        contents = self.contents
        done, undone = contents.done[-KEPT_EDITS:], contents.undone[-KEPT_EDITS:]
        start = Contents(
            dict(contents.classes),
            dict(contents.pictures),
            list(done),
            [],
            dict(contents.stored_settings),
            dict(contents.settled),
            dict(contents.labelling),
            dict(contents.waiting),
        )
        for _ in done:
            start.undo()
        begin = (
            *Contents().changes("class", start.classes),
            *Contents().changes("picture", start.pictures),
            *Contents().changes("settings", start.stored_settings),
            *Contents().changes("advice", start.settled),
            *Contents().changes("labelling", start.labelling),
            *Contents().changes("detections", start.waiting),
        )
        records: list[dict[str, Any]] = [
            {BEGIN: _dump(Edit.of("", begin)), "keys": list(self.past.keys)[-KEPT_EDITS:]},
            *({"edit": _dump(edit), **_origin(edit.origin)} for edit in (*done, *reversed(undone))),
            *({"undo": True} for _ in undone),
        ]
        self._chain.replace(records, self._chain.last)
        contents.done, contents.undone = done, undone


def _dump(edit: Edit) -> dict[str, Any]:
    return edit.model_dump(mode="json", by_alias=True)


def _origin(origin: Origin) -> dict[str, str]:
    return origin.model_dump(exclude_defaults=True)
