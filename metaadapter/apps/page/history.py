"""The history of a project on disk: a chain with one record per edit.

An edit counts once its record is on disk, so an edit that was shown as saved survives a kill at any
moment.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from metaadapter.apps.page.chain import BEGIN, Chain
from metaadapter.apps.page.contents import Change, Contents, Edit
from metaadapter.apps.page.leftovers import copy_aside
from metaadapter.apps.page.refusal import Kind, Refusal
from metaadapter.data.output_folder import write_errors

HISTORY_FILE, HEAD_FILE = "history.jsonl", "history.json"
# A larger file is shortened when the project is opened; this many edits can still be undone then.
MAX_BYTES, KEPT_EDITS = 2**24, 200
# For a history that an earlier version wrote, without a head.
REMEDY = (
    "restore the project from a copy, or remove this line and all lines after it, which undoes "
    "their edits"
)
INSTEAD = "choose another project"


def read_contents(path: Path) -> Contents:
    """The contents after all edits in a file, which another process may have open."""
    contents = Contents()
    Chain(path).read(lambda values: _enter(contents, values), REMEDY)
    return contents


class History:
    """The contents of a project, and the file that its edits are appended to.

    A line that was cut off by a kill does not count. Without its head a history keeps its whole
    lines, and gets a new head; `remedy` is that of `Chain.read`.
    """

    def __init__(self, path: Path, remedy: str | None = None) -> None:
        self.contents = Contents()
        self.saved = True
        """True if the latest edit could be written."""
        self._owner = f"the project {path.parent}"
        self._chain = Chain(path)
        has_head = self._chain.head.exists()
        records: list[dict[str, Any]] = []

        def enter(values: dict[str, Any]) -> None:
            _enter(self.contents, values)
            if not has_head:
                records.append(values)

        self._chain.read(enter, remedy)
        with write_errors(self._owner, instead=INSTEAD):
            if not has_head:
                if self._chain.is_cut():
                    copy_aside(path)
                self._chain.replace(records)
            self._chain.prepare()
            if path.stat().st_size > MAX_BYTES:
                self._shorten()

    def make(self, message: str, changes: tuple[Change, ...]) -> None:
        """Make and save an edit if there is a change; a `DataError` if it cannot be saved."""
        if changes:
            edit = Edit.of(message, changes)
            self._append({"edit": _dump(edit)})
            self.contents.make(edit)

    def undo(self) -> Edit:
        """Undo the latest edit and save this step; return the edit."""
        return self._step("undo", self.contents.done, self.contents.undo)

    def redo(self) -> Edit:
        """Redo the edit that was undone last and save this step; return the edit."""
        return self._step("redo", self.contents.undone, self.contents.redo)

    def _step(self, name: str, edits: list[Edit], step: Callable[[], None]) -> Edit:
        if not edits:
            kind: Kind = "nothing-to-undo" if name == "undo" else "nothing-to-redo"
            raise Refusal(409, kind, f"There is nothing to {name}.")
        edit = edits[-1]
        self._append({name: True})
        step()
        return edit

    def _append(self, values: dict[str, Any]) -> None:
        self.saved = False
        with write_errors(self._owner, "This edit was not made.", instead=INSTEAD):
            self._chain.append(values)
        self.saved = True

    def _shorten(self) -> None:
        """Write the history anew; its older edits become one edit that cannot be undone."""
        contents = self.contents
        done, undone = contents.done[-KEPT_EDITS:], contents.undone[-KEPT_EDITS:]
        start = Contents(dict(contents.classes), dict(contents.pictures), list(done), [])
        for _ in done:
            start.undo()
        begin = (
            *Contents().changes("class", start.classes),
            *Contents().changes("picture", start.pictures),
        )
        records: list[dict[str, Any]] = [
            {BEGIN: _dump(Edit.of("", begin))},
            *({"edit": _dump(edit)} for edit in (*done, *reversed(undone))),
            *({"undo": True} for _ in undone),
        ]
        self._chain.replace(records, self._chain.last)
        contents.done, contents.undone = done, undone


def _enter(contents: Contents, values: dict[str, Any]) -> None:
    if "edit" in values:
        contents.make(Edit.model_validate(values["edit"]))
    elif "undo" in values:
        contents.undo()
    elif "redo" in values:
        contents.redo()
    else:
        contents.make(Edit.model_validate(values[BEGIN]))
        contents.done.clear()


def _dump(edit: Edit) -> dict[str, Any]:
    return edit.model_dump(mode="json", by_alias=True)
