"""The database of what is under way: an append-only log of records in one SQLite file.

SQLite has no checksums of its own, and its own check passes over a changed bit in a value. So the
records form a chain: the digest of a record covers its values and the digest of the record before.
The number of records and the last digest are written in the same transaction. Opening compares
them with the last record; whoever reads records checks the chain, and `verify` checks all.

The rollback journal is used, not the write-ahead log, which lies in two more files and drops a
damaged end in silence. While a process has a database open, it must not open the file in any other
way: when such a file is closed, POSIX ends the locks of SQLite as well.
"""

from __future__ import annotations

import errno
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeAlias, final

from metaadapter.data.output_folder import require_no_link, sync_folder
from metaadapter.data.regular_files import regular
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.errors import DataError, IncompatibleArtifact, MetaAdapterError

ENDING = ".db"
APPLICATION, VERSION = int.from_bytes(b"meta"), 1
CREATION = (
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
    "CREATE TABLE records (number INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, "
    "value TEXT NOT NULL, digest BLOB NOT NULL)",
    "CREATE TABLE state (count INTEGER NOT NULL, last BLOB NOT NULL, writer TEXT NOT NULL)",
    "INSERT INTO state VALUES (0, '', '')",
)
SELECTION = "SELECT number, kind, key, value, digest FROM records WHERE number {} ORDER BY number"
# The record 0 has the purpose as its key, and the job to which the others belong as its value.
HEAD = "head"
# The errors that arise when a row is not the expected record.
DAMAGE = (AttributeError, RecursionError, TypeError, ValueError)
# The seconds to wait for a lock that is held for a moment: by a reader, and at the opening.
SECONDS, SECONDS_TO_OPEN, SECONDS_BETWEEN = 10.0, 0.2, 0.02

Item: TypeAlias = tuple[str, str, Any]
"""(kind, key, JSON value): a record that is to be appended."""


class Record(NamedTuple):
    """A record of the log; of several with the same kind and key, the last one counts."""

    number: int
    """From 1."""
    kind: str
    key: str
    value: Any
    """A JSON value."""


class DamagedDatabase(DataError):
    """A database of which something was changed or lost; `salvage` saves what is before that."""


@final
class Database:
    """A log of records in one file, to which one process at a time appends.

    `purpose` says what the records are, such as "the edits of a project"; a file of another purpose
    is refused, unless it is "". `head`, a JSON value, says to which job the records belong: those
    of another job count as absent, and the next append replaces them. `owner` and `instead` are for
    messages. With `repairs`, all is checked, and a damaged file keeps the records before the
    damage.
    """

    def __init__(
        self,
        path: Path,
        purpose: str,
        head: Any = None,
        *,
        owner: str = "",
        instead: str = "choose another --out",
        writes: bool = True,
        repairs: bool = False,
    ) -> None:
        """Open a file, and create it if it is missing; without `writes` a missing one is empty.

        Raises:
            DamagedDatabase: The file is damaged.
            DataError: Another process writes to it, it is of another program, or of another
                purpose, or the drive cannot lock files.
            IncompatibleArtifact: A newer version of metaadapter has written it.
            OSError: It cannot be read or written.
        """
        self.path = path
        self.count = 0
        """The number of records."""
        self.head = head
        """To which job the records belong; without `writes`, as the file has it."""
        self._purpose, self._owner, self._instead = purpose, owner or str(path), instead
        self._writes = writes
        self._last = b""
        """The digest of the last record."""
        self._is_other = False
        """Whether the file has the records of another job."""
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        require_no_link(path)
        try:
            self._open()
            if repairs:
                self.verify()
        except BaseException as error:
            self.close()
            if not (repairs and isinstance(error, DamagedDatabase)):
                raise
            salvage(path, path, purpose)
            self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def add(self, kind: str, key: str, value: Any) -> None:
        """Append one record; see `append`."""
        self.append([(kind, key, value)])

    def append(self, items: Iterable[Item]) -> None:
        """Append records in one transaction.

        All are on disk when this returns, and none after an error: a `DataError` if another program
        keeps the file, an `OSError` if the drive is full or fails.
        """
        with self._transaction():
            if self._is_other:
                self._cut(-1)
                self._insert([(HEAD, self._purpose, self.head)])
            self._insert(items)

    def truncate(self, count: int) -> None:
        """Remove all records but the first `count`."""
        if count < self.count:
            with self._transaction():
                self._cut(count)

    def records(self, kind: str | None = None) -> Iterator[Record]:
        """Yield the records of a kind, by default of all kinds, in their order.

        Raises:
            DamagedDatabase: A record that should come next is damaged or missing.
        """
        count, number, digest = self.count, -1, b""
        if not count:
            return
        with self._explained():
            for row in self._execute(SELECTION.format("<= ?"), (count,)):
                # The kind is chosen here, because a changed kind would be left out in silence.
                number += 1
                try:
                    record, digest = _checked(row, number, digest)
                except DAMAGE as error:
                    raise self._damaged(number, str(error)) from error
                if number and kind in (None, record.kind):
                    yield record
        if number < count:
            raise self._damaged(number + 1, f"{count - number} are missing")
        if count == self.count and digest != self._last:
            raise self._damaged(number, "its digest is another one")

    def latest(self, kind: str) -> dict[str, Any]:
        """Return key → the value of its last record, in the order in which the keys came first."""
        return {record.key: record.value for record in self.records(kind)}

    def verify(self) -> None:
        """Check every record, and the structure of the file; raise `DamagedDatabase` if need be."""
        if self._connection is None:
            return
        for _ in self.records():
            pass
        with self._explained():
            faults = [row[0] for row in self._execute("PRAGMA quick_check(1)")]
        if faults != ["ok"]:
            raise self._damaged(self.count + 1, str(faults[0]))

    def backup(self, out: Path) -> None:
        """Copy the file as it is on disk; replace `out` in one step."""
        unfinished = _unfinished(out)
        with (
            self._explained(),
            closing(_connect(self.path, SECONDS)) as source,
            closing(sqlite3.connect(unfinished)) as target,
        ):
            source.backup(target)
        unfinished.replace(out)
        sync_folder(out.parent)

    def close(self) -> None:
        """End the lock and close the file; do nothing if called again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def remove(self) -> None:
        """Close and delete the file."""
        self.close()
        self.path.unlink(missing_ok=True)

    # Opening

    def _open(self) -> None:
        if self._writes:
            self.path.touch()
        elif not self.path.exists() or not regular(self.path).stat().st_size:
            return
        with self._explained():
            self._connection = _connect(regular(self.path), SECONDS_TO_OPEN)
            is_new = self._require_own()
            if self._writes:
                self._execute("BEGIN IMMEDIATE")
                # A writer lets go of its lock for a moment after a transaction, and takes it again.
                self._execute("ROLLBACK")
                time.sleep(SECONDS_BETWEEN)
                self._execute("PRAGMA journal_mode = DELETE")
            # What another process appends while this one reads is not seen.
            self._execute("BEGIN IMMEDIATE" if self._writes else "BEGIN")
            is_new = is_new and self._require_own()  # another process may have been faster
            self._execute(f"PRAGMA busy_timeout = {SECONDS * 1000:.0f}")
            if not is_new:
                self._read_state()
            elif self._writes:
                self._create()
            if self._writes:
                self._sign()

    def _require_own(self) -> bool:
        """Refuse a file of another program or of a newer version; return whether it is empty."""
        application, version, n_entries = (
            self._execute(question).fetchone()[0]
            for question in (
                "PRAGMA application_id",
                "PRAGMA user_version",
                "SELECT count(*) FROM sqlite_schema",
            )
        )
        if (application, version, n_entries) == (0, 0, 0):
            return True
        if application != APPLICATION:
            raise DataError(
                f"{self.path} is a database of another program (its application_id is "
                f"{application}); move it away, or {self._instead}"
            )
        if version > VERSION:
            raise IncompatibleArtifact(
                f"{self.path} was written by a newer metaadapter (version {version} of its form; "
                f"this one reads {VERSION}); upgrade metaadapter, or {self._instead}"
            )
        return False

    def _create(self) -> None:
        for command in CREATION:
            self._execute(command)
        self.count = -1
        self._insert([(HEAD, self._purpose, self.head)])
        self._execute("UPDATE state SET count = ?, last = ?", (self.count, self._last))
        sync_folder(self.path.parent)

    def _sign(self) -> None:
        """Write who has the lock, and take it again."""
        since = time.strftime("%Y-%m-%d %H:%M:%S%z")
        writer = {"host": socket.gethostname(), "pid": os.getpid(), "since": since}
        self._execute("UPDATE state SET writer = ?", (json_text(writer),))
        self._execute("COMMIT")
        self._execute("BEGIN IMMEDIATE")

    def _read_state(self) -> None:
        state = self._execute("SELECT count, last FROM state").fetchone()
        head = self._execute(SELECTION.format("= 0")).fetchone()
        end = self._execute("SELECT max(number), digest FROM records").fetchone()
        try:
            record, _ = _checked(head, 0, b"")
            n_lost = state[0] - end[0]
        except DAMAGE as error:
            raise self._damaged(0, str(error)) from error
        if n_lost > 0:
            raise self._damaged(end[0] + 1, f"the last {n_lost} are missing")
        if state != end:
            raise self._damaged(end[0], "it should not be the last one")
        if record.key != (self._purpose or record.key):
            raise DataError(
                f"{self.path} has {record.key}, not {self._purpose}; move it away, or "
                f"{self._instead}"
            )
        self._is_other = self._writes and json_text(record.value) != json_text(self.head)
        self.head = self.head if self._writes else record.value
        self.count, self._last = (0, b"") if self._is_other else state

    # Writing

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Run a block in a transaction; after an error, nothing of it has happened."""
        with self._lock, self._explained():
            before = self.count, self._last
            try:
                if self._connection is not None and not self._connection.in_transaction:
                    self._execute("BEGIN IMMEDIATE")
                state = self._execute("SELECT count, last FROM state").fetchone()
                if not self._is_other and state != before:
                    raise self._changed()
                yield
                self._execute("UPDATE state SET count = ?, last = ?", (self.count, self._last))
                self._execute("COMMIT")
            except BaseException as error:
                self.count, self._last = before
                # While a program reads, a transaction is open that could not be written.
                is_read = getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY")
                if self._connection is not None and self._connection.in_transaction:
                    with suppress(sqlite3.Error):
                        self._execute("ROLLBACK")
                    if is_read:
                        raise DataError(
                            f"another program reads {self.path}, such as an SQLite browser, and "
                            "does not let go of it; nothing was written to it: close it there, "
                            "then try again"
                        ) from error
                raise
            self._is_other = False
            with suppress(sqlite3.Error):  # then the next transaction tries again
                self._execute("BEGIN IMMEDIATE")

    def _insert(self, items: Iterable[Item]) -> None:
        for kind, key, value in items:
            text = json_text(value)
            self.count += 1
            self._last = _digest(self._last, self.count, kind, key, text)
            row = self.count, kind, key, text, self._last
            self._execute("INSERT INTO records VALUES (?, ?, ?, ?, ?)", row)

    def _cut(self, count: int) -> None:
        """Remove the records after a number; −1 removes the head, too."""
        self._execute("DELETE FROM records WHERE number > ?", (count,))
        last = self._execute("SELECT digest FROM records WHERE number = ?", (count,)).fetchone()
        self.count, self._last = count, b"" if last is None else last[0]

    def _execute(self, command: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        if self._connection is None:
            raise ValueError(f"{self.path} is closed")
        return self._connection.execute(command, values)

    # Errors

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._explanation(error) from error

    def _explanation(self, error: sqlite3.Error) -> Exception:
        name = getattr(error, "sqlite_errorname", "")
        if name == "SQLITE_NOTADB":
            return DataError(
                f"{self.path} is not an SQLite file, or its beginning is damaged; restore it from "
                f"a copy, or move it away, or {self._instead}"
            )
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return DataError(
                f"another run is writing to {self._owner} ({self._writer()}); wait until it has "
                f"ended, or {self._instead}"
            )
        if "LOCK" in name or name in ("SQLITE_NOLFS", "SQLITE_PROTOCOL"):
            return DataError(
                f"cannot lock {self.path}: its drive does not support the locks of SQLite, as many "
                f"network drives; {self._instead} on a local drive"
            )
        if name == "SQLITE_READONLY_DBMOVED":
            return self._changed()
        for beginning, number in DRIVE_ERRORS.items():
            if name.startswith(beginning):
                return OSError(number, os.strerror(number), str(self.path))
        return MemoryError(str(error)) if name == "SQLITE_NOMEM" else self._damaged(0, str(error))

    def _writer(self) -> str:
        """Say who has the lock."""
        try:
            with closing(_connect(self.path, SECONDS)) as connection:
                writer = parse_json(connection.execute("SELECT writer FROM state").fetchone()[0])
                return "process {pid} on {host} since {since}".format_map(writer)
        except (KeyError, TypeError, ValueError):
            return "it has just begun"
        except sqlite3.Error:
            return "or its drive does not support the locks of SQLite, as many network drives"

    def _changed(self) -> DataError:
        return DataError(
            f"another program has changed, moved, replaced or removed {self.path} since this one "
            "opened it; nothing was written to it: run the command again"
        )

    def _damaged(self, number: int, reason: str) -> DamagedDatabase:
        before = f"; the {number - 1} records before it are whole" if number > 1 else ""
        return DamagedDatabase(
            f"{self.path} is damaged{f' at record {number}' if number else ''} ({reason}){before}; "
            f"restore it from a copy, or save what can be read with `metaadapter doctor --verify "
            f"{self.path} --out NEW{ENDING}`"
        )


DRIVE_ERRORS = {
    "SQLITE_FULL": errno.ENOSPC,
    "SQLITE_READONLY": errno.EACCES,
    "SQLITE_PERM": errno.EACCES,
    "SQLITE_CANTOPEN": errno.EACCES,
    "SQLITE_IOERR": errno.EIO,
}


def salvage(path: Path, out: Path, purpose: str = "") -> int:
    """Save the records before the first damage to a new file, which may replace the old one.

    `purpose` stands in for that of a damaged head, whose job is lost then. Return the number.
    """
    unfinished, head, digest, items = _unfinished(out), None, b"", list[Item]()
    with (
        suppress(sqlite3.Error),
        # A file whose end is cut off can be read in this way, too.
        closing(_connect(regular(path), SECONDS, "writable_schema = ON")) as source,
    ):
        for number, row in enumerate(source.execute(SELECTION.format(">= 0"))):
            try:
                record, digest = _checked(row, number, digest)
            except DAMAGE:
                if number or not purpose:
                    break
                digest = row[4]
                continue
            if number:
                items.append((record.kind, record.key, record.value))
            else:
                purpose, head = purpose or record.key, record.value
    if not purpose:
        raise DataError(f"nothing in {path} can be read; restore it from a copy, or remove it")
    with Database(unfinished, purpose, head) as saved:
        saved.append(items)
    unfinished.replace(out)
    sync_folder(out.parent)
    return len(items)


def check_database(path: Path) -> tuple[Path, str]:
    """Return a file and its fault, "" if all records are whole; its purpose may be any."""
    try:
        with Database(path, "", writes=False) as log:
            log.verify()
    except (MetaAdapterError, OSError) as error:
        return path, str(error)
    return path, ""


def _unfinished(path: Path) -> Path:
    """Return a free place beside a path, from which a file is renamed to it."""
    unfinished = path.with_name(f"{path.name}.tmp")
    unfinished.unlink(missing_ok=True)
    return unfinished


def _connect(path: Path, seconds: float, *settings: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=seconds,
        isolation_level=None,
        check_same_thread=False,
    )
    settings = *settings, "synchronous = FULL", "trusted_schema = OFF", "cell_size_check = ON"
    try:
        for setting in settings:
            connection.execute(f"PRAGMA {setting}")
    except BaseException:
        connection.close()
        raise
    return connection


def _checked(row: tuple[Any, ...] | None, number: int, before: bytes) -> tuple[Record, bytes]:
    """Return a record and its digest; an error of `DAMAGE` unless it is whole and has its place.

    `before` is the digest of the record before it.
    """
    if row is None or row[0] != number:
        raise ValueError("it is missing")
    _, kind, key, text, digest = row
    if _digest(before, number, kind, key, text) != digest:
        raise ValueError("its digest differs from when it was written")
    return Record(number, kind, key, parse_json(text)), digest


def _digest(before: bytes, number: int, kind: str, key: str, text: str) -> bytes:
    digest = sha256(before + json_text([number, kind, key]).encode())
    digest.update(text.encode())
    return digest.digest()
