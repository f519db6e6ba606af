"""The history of a project: its edits, undos and redos, as records of a database.

An edit counts once its record is on disk, so an edit that was shown as saved survives a kill at any
moment. A copy of each of the last days on which the project was open lies beside the database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

from metaadapter.apps.page.contents import Contents, Edit, Origin, What
from metaadapter.apps.page.entries import KINDS
from metaadapter.apps.page.project_folders import copy_aside
from metaadapter.apps.page.refusal import Refusal
from metaadapter.errors import DataError, MetaAdapterError
from metaadapter.files.db import Database
from metaadapter.files.db_connection import DamagedDatabase
from metaadapter.files.db_records import DAMAGE, Record
from metaadapter.files.output_folder import write_errors
from metaadapter.files.salvage import backup, repaired

PURPOSE = "the edits of a project"
MAGIC = b"SQLite format 3\0"
COPIES_FOLDER, N_COPIES = "copies", 5
INSTEAD = "choose another project"


class DamagedHistory(DataError):
    """A history that is damaged or lost; `repair` keeps what can be saved."""


def read_contents(path: Path) -> Contents:
    """The contents after all edits in a file, which another process may have open."""
    if not path.exists() or not path.stat().st_size:
        raise _lost(path)
    with Database(path, PURPOSE, writes=False) as log:
        return _read(log)


def _read(log: Database) -> Contents:
    contents = Contents()
    for record in log.records():
        try:
            _enter(contents, record)
        except (*DAMAGE, LookupError) as error:
            raise DamagedHistory(
                f"record {record.number} of {log.path} is no edit of this project ({error}); "
                "restore the file from a copy"
            ) from error
    return contents


def _enter(contents: Contents, record: Record) -> None:
    """Make, undo or redo what a record says."""
    values = record.value
    origin = Origin(by=values["by"], at=values["at"], key=record.key)
    if record.kind == "undo":
        contents.undo(origin)
    elif record.kind == "redo":
        contents.redo(origin)
    else:
        after = values["entries"]
        changes = (
            contents.changes(
                kind, {key: one and form.model_validate(one) for key, one in after[kind].items()}
            )
            for kind, form in KINDS.items()
            if kind in after
        )
        said, kind, drop = values["said"], values["kind"], values["drop"]
        contents.make(Edit(said, sum(changes, ()), kind, values["values"], origin, drop))


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
            advice = "use the page at the address that the other run printed"
            log = Database(path, PURPOSE, owner=self._owner, instead=advice)
            self._log = stack.enter_context(log)
            self.contents = _read(self._log)
            """The contents after all edits."""
            self._copied = self._copy()
            stack.pop_all()

    def close(self) -> None:
        """Let another process open the project."""
        self._log.close()

    def make(self, edit: Edit) -> None:
        """Make and save an edit if there is a change; a `DataError` if it cannot be saved."""
        if edit.changes:
            said = {"said": edit.message, "kind": edit.kind, "values": dict(edit.values)}
            self._append("edit", edit.origin, **said, drop=edit.drop, entries=edit.entries)
            self.contents.make(edit)

    def undo(self, origin: Origin) -> Edit:
        """Undo the latest edit and save this step; return the edit."""
        if not self.contents.done:
            raise Refusal(409, "nothing-to-undo", "There is nothing to undo.")
        self._append("undo", origin)
        return self.contents.undo(origin)

    def redo(self, origin: Origin) -> Edit:
        """Redo the edit that was undone last and save this step; return the edit."""
        if not self.contents.undone:
            raise Refusal(409, "nothing-to-redo", "There is nothing to redo.")
        self._append("redo", origin)
        return self.contents.redo(origin)

    def _append(self, what: What, origin: Origin, **edit: Any) -> None:
        self.saved = False
        with write_errors(self._owner, "This edit was not made.", instead=INSTEAD):
            if self._copied != date.today():
                self._copied = self._copy()
            self._log.append([(what, origin.key, {"by": origin.by, "at": origin.at, **edit})])
        self.saved = True

    def _copy(self) -> date:
        """Copy the database as it is today, unless there is a copy of today already."""
        today, folder = date.today(), self._path.parent / COPIES_FOLDER
        if self._log.count and not (copy := folder / f"{today}.db").exists():
            folder.mkdir(exist_ok=True)
            backup(self._log.path, copy)
            for old in sorted(folder.glob(f"*{self._path.suffix}"))[:-N_COPIES]:
                old.unlink()
        return today


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
        with repaired(path, PURPOSE, owner=owner, instead=INSTEAD) as log:
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
