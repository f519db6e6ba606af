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

import os
import socket
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias, final

from metaadapter.errors import DataError
from metaadapter.files import db_connection
from metaadapter.files.db_connection import (
    CREATION,
    DamagedDatabase,
    changed,
    connect,
    explanation,
    is_empty,
)
from metaadapter.files.db_records import DAMAGE, HEAD, SELECTION, Record, digest_of, record_of
from metaadapter.files.output_folder import require_no_link, sync_folder
from metaadapter.files.regular_files import regular
from metaadapter.files.strict_json import json_text

# The seconds to wait for a lock at the opening.
SECONDS_TO_OPEN, SECONDS_BETWEEN = 0.2, 0.02

Item: TypeAlias = tuple[str, str, Any]
"""(kind, key, JSON value): a record that is to be appended."""


@final
class Database:
    """A log of records in one file, to which one process at a time appends.

    `purpose` says what the records are, such as "the edits of a project"; a file of another purpose
    is refused, unless it is "". `head`, a JSON value, says to which job the records belong: those
    of another job count as absent, and the next append replaces them. `owner` and `instead` are for
    messages.
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
        except BaseException:
            self.close()
            raise

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
                    record, digest = record_of(row, number, digest)
                except DAMAGE as error:
                    raise DamagedDatabase.at(self.path, number, str(error)) from error
                if number and kind in (None, record.kind):
                    yield record
        if number < count:
            raise DamagedDatabase.at(self.path, number + 1, f"{count - number} are missing")
        if count == self.count and digest != self._last:
            raise DamagedDatabase.at(self.path, number, "its digest is another one")

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
            raise DamagedDatabase.at(self.path, self.count + 1, str(faults[0]))

    def close(self) -> None:
        """End the lock and close the file; do nothing if called again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def remove(self) -> None:
        """Close and delete the file."""
        self.close()
        self.path.unlink(missing_ok=True)

    def _open(self) -> None:
        if self._writes:
            self.path.touch()
        elif not self.path.exists() or not regular(self.path).stat().st_size:
            return
        with self._explained():
            self._connection = connect(regular(self.path), SECONDS_TO_OPEN)
            is_empty(self._connection, self.path, self._instead)
            if self._writes:
                self._execute("BEGIN IMMEDIATE")
                # A writer lets go of its lock for a moment after a transaction, and takes it again.
                self._execute("ROLLBACK")
                time.sleep(SECONDS_BETWEEN)
                self._execute("PRAGMA journal_mode = DELETE")
            # What another process appends while this one reads is not seen.
            self._execute("BEGIN IMMEDIATE" if self._writes else "BEGIN")
            # Another process may have been faster.
            is_new = is_empty(self._connection, self.path, self._instead)
            self._execute(f"PRAGMA busy_timeout = {db_connection.SECONDS * 1000:.0f}")
            if not is_new:
                self._read_state()
            elif self._writes:
                self._create()
            if self._writes:
                since = time.strftime("%Y-%m-%d %H:%M:%S%z")
                writer = {"host": socket.gethostname(), "pid": os.getpid(), "since": since}
                self._execute("UPDATE state SET writer = ?", (json_text(writer),))
                self._execute("COMMIT")
                self._execute("BEGIN IMMEDIATE")

    def _create(self) -> None:
        for command in CREATION:
            self._execute(command)
        self.count = -1
        self._insert([(HEAD, self._purpose, self.head)])
        self._execute("UPDATE state SET count = ?, last = ?", (self.count, self._last))
        sync_folder(self.path.parent)

    def _read_state(self) -> None:
        state = self._execute("SELECT count, last FROM state").fetchone()
        head = self._execute(SELECTION.format("= 0")).fetchone()
        end = self._execute("SELECT max(number), digest FROM records").fetchone()
        try:
            record, _ = record_of(head, 0, b"")
            n_lost = state[0] - end[0]
        except DAMAGE as error:
            raise DamagedDatabase.at(self.path, 0, str(error)) from error
        if n_lost > 0:
            raise DamagedDatabase.at(self.path, end[0] + 1, f"the last {n_lost} are missing")
        if state != end:
            raise DamagedDatabase.at(self.path, end[0], "it should not be the last one")
        if record.key != (self._purpose or record.key):
            raise DataError(
                f"{self.path} has {record.key}, not {self._purpose}; move it away, or "
                f"{self._instead}"
            )
        self._is_other = self._writes and json_text(record.value) != json_text(self.head)
        self.head = self.head if self._writes else record.value
        self.count, self._last = (0, b"") if self._is_other else state

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
                    raise changed(self.path)
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
            self._last = digest_of(self._last, self.count, kind, key, text)
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

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise explanation(error, self.path, self._owner, self._instead) from error
