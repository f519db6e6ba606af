"""The pictures that a run has seen, by content, in bounded memory."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Sequence

from metaadapter.data.input_status import DONE, DUPLICATE, UNREADABLE
from metaadapter.errors import DataError
from metaadapter.workflow.prediction_rows import DUPLICATE_OF, SHA256, STATUS, Row, RowFormat

CACHE_KIB = 32_768


class SeenPictures:
    """The path of the first picture of each content, in a temporary file that SQLite deletes."""

    def __init__(self, rows: RowFormat) -> None:
        names = ("path", STATUS, DUPLICATE_OF, SHA256)
        self._places = [rows.columns.index(name) for name in names]
        # An empty name is a private file on disk, which ends with the connection or the process.
        self._seen = sqlite3.connect("", isolation_level=None)
        for command in (
            f"PRAGMA cache_size = -{CACHE_KIB}",
            "PRAGMA journal_mode = OFF",
            "CREATE TABLE seen (content BLOB PRIMARY KEY, path BLOB) WITHOUT ROWID",
            "BEGIN",
        ):
            self._seen.execute(command)

    def mark(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Enter readable pictures, mark those whose content an earlier one has; return the rows."""
        try:
            self._mark(rows)
        except sqlite3.Error as error:
            raise DataError(
                f"cannot keep the list of pictures in the temporary folder: {error}; free some "
                "space there, or name another folder with the environment variable TMPDIR"
            ) from error
        return rows

    def _mark(self, rows: Sequence[Row]) -> None:
        path, status, original, sha256 = self._places
        for row in rows:
            if row[status] == UNREADABLE:
                continue
            row[status], row[original] = DONE, None
            if row[sha256] is None:
                continue
            content = hashlib.blake2b(str(row[sha256]).encode(), digest_size=16).digest()
            entry = content, os.fsencode(str(row[path]))
            if self._seen.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", entry).rowcount:
                continue
            first = self._seen.execute("SELECT path FROM seen WHERE content = ?", (content,))
            row[status], row[original] = DUPLICATE, os.fsdecode(first.fetchone()[0])

    def close(self) -> None:
        """Delete the temporary file."""
        self._seen.close()
