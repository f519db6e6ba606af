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
from typing import Any, Literal, NamedTuple, TypeAlias

from metaadapter.apps.page.contents import Change, Contents, Edit, Origin
from metaadapter.apps.page.entries import KINDS
from metaadapter.apps.page.leftovers import copy_aside
from metaadapter.apps.page.refusal import Refusal
from metaadapter.data.db import DAMAGE, DamagedDatabase, Database, Record
from metaadapter.data.output_folder import write_errors
from metaadapter.errors import DataError, MetaAdapterError

PURPOSE = "the edits of a project"
MAGIC = b"SQLite format 3\0"
COPIES_FOLDER, N_COPIES = "copies", 5
SHOWN_STEPS = 200
INSTEAD = "choose another project"
What: TypeAlias = Literal["edit", "undo", "redo"]


class DamagedHistory(DataError):
    """A history that is damaged or lost; `repair` keeps what can be saved."""


class Step(NamedTuple):
    """An edit that was made, undone or redone, and by whom."""

    what: What
    edit: Edit
    origin: Origin


@dataclass(slots=True)
class Past:
    """The contents after the records of a history, and the steps that led there."""

    contents: Contents = field(default_factory=Contents)
    steps: deque[Step] = field(default_factory=lambda: deque(maxlen=SHOWN_STEPS))
    """The latest steps, the last one last."""
    keys: set[str] = field(default_factory=set)
    """The keys of the requests that were done."""

    def enter(self, record: Record) -> None:
        """Make, undo or redo what a record says."""
        values, what = record.value, record.kind
        origin = Origin(by=values["by"], at=values["at"], key=record.key)
        if what not in ("undo", "redo"):
            changes = _changes(self.contents, values["entries"])
            edit = Edit(values["said"], changes, values["kind"], values["values"], origin)
            self.step("edit", origin, edit)
        else:
            self.step(what, origin)

    def step(self, kind: str, origin: Origin, edit: Edit | None = None) -> Edit:
        """Make an edit, or undo or redo one; return it."""
        what: What = "edit"
        if edit is not None:
            self.contents.make(edit)
        elif kind == "undo":
            what, edit = "undo", self.contents.undo()
        else:
            what, edit = "redo", self.contents.redo()
        self.steps.append(Step(what, edit, origin))
        self.keys |= {origin.key} - {""}
        return edit


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
            self._copied = self._copy()
            stack.pop_all()

    def close(self) -> None:
        """Let another process open the project."""
        self._log.close()

    @property
    def contents(self) -> Contents:
        """The contents after all edits."""
        return self.past.contents

    def make(self, edit: Edit) -> None:
        """Make and save an edit if there is a change; a `DataError` if it cannot be saved."""
        if edit.changes:
            self._append("edit", edit.origin, edit)

    def undo(self, origin: Origin | None = None) -> Edit:
        """Undo the latest edit and save this step; return the edit."""
        if not self.contents.done:
            raise Refusal(409, "nothing-to-undo", "There is nothing to undo.")
        return self._append("undo", origin or Origin())

    def redo(self, origin: Origin | None = None) -> Edit:
        """Redo the edit that was undone last and save this step; return the edit."""
        if not self.contents.undone:
            raise Refusal(409, "nothing-to-redo", "There is nothing to redo.")
        return self._append("redo", origin or Origin())

    def _append(self, what: What, origin: Origin, edit: Edit | None = None) -> Edit:
        values: dict[str, Any] = {"by": origin.by, "at": origin.at}
        if edit is not None:
            values |= {"said": edit.message, "kind": edit.kind, "values": dict(edit.values)}
            values["entries"] = edit.entries
        self.saved = False
        with write_errors(self._owner, "This edit was not made.", instead=INSTEAD):
            if self._copied != date.today():
                self._copied = self._copy()
            self._log.append([(what, origin.key, values)])
        self.saved = True
        return self.past.step(what, origin, edit)

    def _copy(self) -> date:
        """Copy the database as it is today, unless there is a copy of today already."""
        today, folder = date.today(), self._path.parent / COPIES_FOLDER
        if self._log.count and not (copy := folder / f"{today}.db").exists():
            folder.mkdir(exist_ok=True)
            self._log.backup(copy)
            for old in sorted(folder.glob(f"*{self._path.suffix}"))[:-N_COPIES]:
                old.unlink()
        return today


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
                        log.truncate(0)
                        log.append(items)
                        best = copy.stem
    if best:
        return f"the edits are those of the copy of {best}"
    return f"the first {before} edits of {path.name} were whole and are kept"
