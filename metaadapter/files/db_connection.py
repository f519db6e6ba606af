"""A connection to an SQLite file, and its errors in plain words."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.files.strict_json import parse_json

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
# The seconds to wait for a lock that a reader holds for a moment.
SECONDS = 10.0
DRIVE_ERRORS = {
    "SQLITE_FULL": errno.ENOSPC,
    "SQLITE_READONLY": errno.EACCES,
    "SQLITE_PERM": errno.EACCES,
    "SQLITE_CANTOPEN": errno.EACCES,
    "SQLITE_IOERR": errno.EIO,
}


class DamagedDatabase(DataError):
    """A database of which something was changed or lost; `salvage` saves what is before that."""

    @classmethod
    def at(cls, path: Path, number: int, reason: str) -> DamagedDatabase:
        """The error for damage at a record, or at 0 for the file as a whole."""
        before = f"; the {number - 1} records before it are whole" if number > 1 else ""
        return cls(
            f"{path} is damaged{f' at record {number}' if number else ''} ({reason}){before}; "
            f"restore it from a copy, or save what can be read with `metaadapter doctor --verify "
            f"{path} --out NEW{ENDING}`"
        )


def connect(path: Path, seconds: float, *settings: str) -> sqlite3.Connection:
    """Open an existing file; wait for a lock for at most `seconds`."""
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


def is_empty(connection: sqlite3.Connection, path: Path, instead: str) -> bool:
    """Return whether a file is empty; refuse one of another program or of a newer version."""
    application, version, n_entries = (
        connection.execute(question).fetchone()[0]
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
            f"{path} is a database of another program (its application_id is {application}); move "
            f"it away, or {instead}"
        )
    if version > VERSION:
        raise IncompatibleArtifact(
            f"{path} was written by a newer metaadapter (version {version} of its form; this one "
            f"reads {VERSION}); upgrade metaadapter, or {instead}"
        )
    return False


def explanation(error: sqlite3.Error, path: Path, owner: str, instead: str) -> Exception:
    """Return the error to raise in place of one of SQLite."""
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_NOTADB":
        return DataError(
            f"{path} is not an SQLite file, or its beginning is damaged; restore it from a copy, "
            f"or move it away, or {instead}"
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return DataError(
            f"another run is writing to {owner} ({_writer(path)}); wait until it has ended, or "
            f"{instead}"
        )
    if "LOCK" in name or name in ("SQLITE_NOLFS", "SQLITE_PROTOCOL"):
        return DataError(
            f"cannot lock {path}: its drive does not support the locks of SQLite, as many network "
            f"drives; {instead} on a local drive"
        )
    if name == "SQLITE_READONLY_DBMOVED":
        return changed(path)
    for beginning, number in DRIVE_ERRORS.items():
        if name.startswith(beginning):
            return OSError(number, os.strerror(number), str(path))
    if name == "SQLITE_NOMEM":
        return MemoryError(str(error))
    return DamagedDatabase.at(path, 0, str(error))


def changed(path: Path) -> DataError:
    """Return the error for a file that is no longer as this process has left it."""
    return DataError(
        f"another program has changed, moved, replaced or removed {path} since this one opened it; "
        "nothing was written to it: run the command again"
    )


def _writer(path: Path) -> str:
    """Say who has the lock."""
    try:
        with closing(connect(path, SECONDS)) as connection:
            writer = parse_json(connection.execute("SELECT writer FROM state").fetchone()[0])
            return "process {pid} on {host} since {since}".format_map(writer)
    except (KeyError, TypeError, ValueError):
        return "it has just begun"
    except sqlite3.Error:
        return "or its drive does not support the locks of SQLite, as many network drives"
