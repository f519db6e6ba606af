"""The history of a project on disk: a journal with one record per edit.

An edit counts once its record is on disk, so an edit that was shown as saved survives a kill at any
moment.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from metaadapter.apps.page.contents import Change, Contents, Edit
from metaadapter.apps.page.refusal import Refusal
from metaadapter.data.checksums import sealed, unsealed
from metaadapter.data.journal import Journal
from metaadapter.data.output_folder import write_errors

HISTORY_FILE = "history.jsonl"
# A larger file is shortened when the project is opened; this many edits can still be undone then.
MAX_BYTES, KEPT_EDITS = 2**24, 200
REMEDY = (
    "restore the project from a copy, or remove this line and all lines after it, which undoes "
    "their edits"
)
INSTEAD = "choose another project"


def read_contents(path: Path) -> Contents:
    """The contents after all edits in a file, which another process may have open."""
    contents = Contents()
    _read(Journal(path), contents)
    return contents


class History:
    """The contents of a project, and the file that its edits are appended to.

    A line that was cut off by a kill does not count.
    """

    def __init__(self, path: Path) -> None:
        self.contents = Contents()
        self.saved = True
        """True if the latest edit could be written."""
        self._owner = f"the project {path.parent}"
        self._journal = Journal(path)
        _read(self._journal, self.contents)
        with write_errors(self._owner, instead=INSTEAD):
            self._journal.prepare()
            if path.stat().st_size > MAX_BYTES:
                self._shorten()

    def make(self, message: str, changes: tuple[Change, ...]) -> None:
        """Make and save an edit if there is a change; a `DataError` if it cannot be saved."""
        if changes:
            edit = Edit.of(message, changes)
            self._append({"edit": _dump(edit)})
            self.contents.make(edit)

    def undo(self) -> str:
        """Undo the latest edit and save this step; return the message of the edit."""
        return self._step("undo", self.contents.done, self.contents.undo)

    def redo(self) -> str:
        """Redo the edit that was undone last and save this step; return the edit's message."""
        return self._step("redo", self.contents.undone, self.contents.redo)

    def _step(self, name: str, edits: list[Edit], step: Callable[[], None]) -> str:
        if not edits:
            raise Refusal(409, f"nothing-to-{name}", f"There is nothing to {name}.")
        message = edits[-1].message
        self._append({name: True})
        step()
        return message

    @property
    def pictures(self) -> set[str]:
        """Every picture of the project, and every picture that an undo or redo can bring back."""
        edits = (*self.contents.done, *self.contents.undone)
        return set(self.contents.pictures).union(
            change.id for edit in edits for change in edit.changes if change.kind == "picture"
        )

    def _append(self, values: dict[str, Any]) -> None:
        self.saved = False
        with write_errors(self._owner, "This edit was not made.", instead=INSTEAD):
            self._journal.append(sealed(values))
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
            {"begin": _dump(Edit.of("", begin))},
            *({"edit": _dump(edit)} for edit in (*done, *reversed(undone))),
            *({"undo": True} for _ in undone),
        ]
        self._journal.replace(map(sealed, records))
        contents.done, contents.undone = done, undone


def _read(journal: Journal, contents: Contents) -> None:
    def apply(record: Any) -> None:
        values, _ = unsealed(record)
        if "edit" in values:
            contents.make(Edit.model_validate(values["edit"]))
        elif "undo" in values:
            contents.undo()
        elif "redo" in values:
            contents.redo()
        else:  # the first record of a shortened history
            contents.make(Edit.model_validate(values["begin"]))
            contents.done.clear()

    journal.read(apply, REMEDY)


def _dump(edit: Edit) -> dict[str, Any]:
    return edit.model_dump(mode="json", by_alias=True)
