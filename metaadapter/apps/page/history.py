"""The history of a project: its edits, undos and redos, as records of a database.

An edit counts once its record is on disk, so an edit that was shown as saved survives a kill at any
moment. A copy of each of the last days on which the project was open lies beside the database.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal, NamedTuple

from metaadapter.apps.page.contents import Change, Contents, Edit, Origin
from metaadapter.apps.page.entries import KINDS
from metaadapter.apps.page.leftovers import copy_aside
from metaadapter.apps.page.refusal import Refusal
from metaadapter.data.db import DAMAGE, DamagedDatabase, Database, Item, Record
from metaadapter.data.output_folder import write_errors
from metaadapter.errors import DataError, MetaAdapterError

PURPOSE = "the edits of a project"
MAGIC = b"SQLite format 3\0"
COPIES_FOLDER, N_COPIES = "copies", 5
# A larger file is shortened when the project is opened; this many edits can still be undone then.
MAX_BYTES, KEPT_EDITS = 2**24, 200
# The first record of a shortened history, an edit that cannot be undone.
BEGIN = "begin"
INSTEAD = "choose another project"


class DamagedHistory(DataError):
    """A history that is damaged or lost; `repair` keeps what can be saved."""


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

    def enter(self, record: Record) -> None:
        """Make, undo or redo what a record says."""
        values, contents = record.value, self.contents
        origin = Origin(by=values.get("by", ""), at=values.get("at", ""), key=record.key)
        if record.kind in ("undo", "redo"):
            self.step(record.kind, None, origin)
            return
        changes = _changes(contents, values["entries"])
        if record.kind == BEGIN:
            contents.make(Edit("", changes))
            contents.done.clear()
            self.keys |= dict.fromkeys(values["keys"])
        else:
            self.step("edit", Edit(values["said"], changes, origin), origin)

    def step(self, what: str, edit: Edit | None, origin: Origin) -> None:
        """Make an edit, or undo or redo one."""
        contents = self.contents
        if edit is not None:
            contents.make(edit)
            self.steps.append(Step("edit", edit, origin))
        elif what == "undo":
            contents.undo()
            self.steps.append(Step("undo", contents.undone[-1], origin))
        else:
            contents.redo()
            self.steps.append(Step("redo", contents.done[-1], origin))
        if origin.key:
            self.keys[origin.key] = None


def _changes(contents: Contents, entries: Mapping[str, Mapping[str, Any]]) -> tuple[Change, ...]:
    """The changes that set entries, given as JSON values."""
    return tuple(
        change
        for kind, form in KINDS.items()
        if kind in entries
        for change in contents.changes(
            kind, {key: one and form.model_validate(one) for key, one in entries[kind].items()}
        )
    )


def read_contents(path: Path) -> Contents:
    """The contents after all edits in a file, which another process may have open."""
    if not path.exists() or not path.stat().st_size:
        raise _lost(path)
    with Database(path, PURPOSE, writes=False) as log:
        return _read(log).contents


def _read(log: Database) -> Past:
    past = Past()
    for record in log.records():
        try:
            past.enter(record)
        except (*DAMAGE, LookupError) as error:
            raise DamagedHistory(
                f"record {record.number} of {log.path} is no edit of this project ({error}); "
                "restore the file from a copy"
            ) from error
    return past


def _lost(path: Path) -> DamagedHistory:
    return DamagedHistory(f"{path}, which has all edits, is missing or empty; restore it")


class History:
    """The contents of a project, and the database that its edits are appended to.

    Unless the project `is_new`, the file must be there. `close` ends the lock of the file.
    """

    def __init__(self, path: Path, *, is_new: bool) -> None:
        self.saved = True
        """True if the latest edit could be written."""
        self._path, self._owner = path, f"the project {path.parent}"
        if not is_new and not (path.exists() and path.stat().st_size):
            raise _lost(path)
        with write_errors(self._owner, instead=INSTEAD), ExitStack() as stack:
            stack.enter_context(_named_damage())
            self._log = stack.enter_context(_open(path))
            self.past = _read(self._log)
            if path.stat().st_size > MAX_BYTES:
                self._shorten()
            self._copied = self._copy()
            stack.pop_all()

    def close(self) -> None:
        """Let another process open the project."""
        self._log.close()

    @property
    def contents(self) -> Contents:
        """The contents after all edits."""
        return self.past.contents

    def make(self, message: str, changes: tuple[Change, ...], origin: Origin | None = None) -> None:
        """Make and save an edit if there is a change; a `DataError` if it cannot be saved."""
        if changes:
            edit = Edit(message, changes, origin or Origin())
            self._append("edit", edit, edit.origin)

    def undo(self, origin: Origin | None = None) -> Edit:
        """Undo the latest edit and save this step; return the edit."""
        if not self.contents.done:
            raise Refusal(409, "nothing-to-undo", "There is nothing to undo.")
        self._append("undo", None, origin or Origin())
        return self.contents.undone[-1]

    def redo(self, origin: Origin | None = None) -> Edit:
        """Redo the edit that was undone last and save this step; return the edit."""
        if not self.contents.undone:
            raise Refusal(409, "nothing-to-redo", "There is nothing to redo.")
        self._append("redo", None, origin or Origin())
        return self.contents.done[-1]

    def _append(self, what: str, edit: Edit | None, origin: Origin) -> None:
        self.saved = False
        with write_errors(self._owner, "This edit was not made.", instead=INSTEAD):
            if self._copied != date.today():
                self._copied = self._copy()
            self._log.append([_item(what, edit, origin)])
        self.saved = True
        self.past.step(what, edit, origin)

    def _copy(self) -> date:
        """Copy the database as it is today, unless there is a copy of today already."""
        today, folder = date.today(), self._path.parent / COPIES_FOLDER
        if self._log.count and not (copy := folder / f"{today}.db").exists():
            folder.mkdir(exist_ok=True)
            self._log.backup(copy)
            for old in sorted(folder.glob(f"*{self._path.suffix}"))[:-N_COPIES]:
                old.unlink()
        return today

    def _shorten(self) -> None:
        """Write the history anew; its older edits become one edit that cannot be undone."""
        contents = self.contents
        done, undone = contents.done[-KEPT_EDITS:], contents.undone[-KEPT_EDITS:]
        start = Contents({kind: dict(of_kind) for kind, of_kind in contents.entries.items()})
        start.done = list(done)
        for _ in done:
            start.undo()
        begin = tuple(
            change for kind in KINDS for change in Contents().changes(kind, start.entries[kind])
        )
        keys = list(self.past.keys)[-KEPT_EDITS:]
        items: list[Item] = [(BEGIN, "", {"entries": Edit("", begin).entries, "keys": keys})]
        items += [_item("edit", edit, edit.origin) for edit in (*done, *reversed(undone))]
        items += [_item("undo", None, Origin()) for _ in undone]
        self._log.replace(items)
        contents.done, contents.undone = done, undone


def _item(what: str, edit: Edit | None, origin: Origin) -> Item:
    values: dict[str, Any] = {"by": origin.by, "at": origin.at}
    if edit is not None:
        values |= {"said": edit.message, "entries": edit.entries}
    return what, origin.key, values


def _open(path: Path) -> Database:
    advice = "use the page at the address that the other run printed"
    with _named_damage():
        return Database(path, PURPOSE, owner=f"the project {path.parent}", instead=advice)


@contextmanager
def _named_damage() -> Iterator[None]:
    """Turn the error of a damaged file into a `DamagedHistory`."""
    try:
        yield
    except DataError as error:
        name = getattr(error.__cause__, "sqlite_errorname", "")
        if isinstance(error, DamagedDatabase) or name == "SQLITE_NOTADB":
            raise DamagedHistory(*error.args) from error
        raise


def require_closed(path: Path) -> None:
    """Raise a `DataError` if another process has the project of a history open."""
    with suppress(DamagedHistory):
        if path.exists():
            _open(path).close()


def repair(path: Path) -> str:
    """Save the edits before the damage, or those of a daily copy if it has more; say which.

    The damaged file goes to the leftovers. The history is empty if nothing else is left.
    """
    owner = f"the project {path.parent}"
    with write_errors(owner, instead=INSTEAD):
        if path.exists():
            copy_aside(path)
            with path.open("rb") as file:
                is_database = file.read(len(MAGIC)) == MAGIC
            if not is_database:
                path.unlink()
        with Database(path, PURPOSE, owner=owner, instead=INSTEAD, repairs=True) as log:
            before, best = log.count, ""
            for copy in sorted((path.parent / COPIES_FOLDER).glob(f"*{path.suffix}")):
                with suppress(MetaAdapterError), Database(copy, PURPOSE, writes=False) as kept:
                    items = [(one.kind, one.key, one.value) for one in kept.records()]
                    if len(items) > log.count:
                        log.replace(items)
                        best = copy.stem
    if best:
        return f"the edits are those of the copy of {best}"
    return f"the first {before} edits of {path.name} were whole and are kept"
