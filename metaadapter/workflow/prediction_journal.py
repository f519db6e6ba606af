"""The journal of an unfinished table of predictions, from which the same command continues."""

from __future__ import annotations

import hashlib
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, NamedTuple

from metaadapter.adapter.stored import StoredAdapter, file_contents
from metaadapter.data.checksums import sealed, unsealed
from metaadapter.data.journal import Journal
from metaadapter.data.regular_files import is_regular, regular
from metaadapter.workflow.accuracy import Tally

SCHEMA = "metaadapter.predicting/1"


class Entry(NamedTuple):
    """The record of one part of the pictures, whose rows are in the table."""

    part: str
    """`inputs_digest` of the pictures."""
    n_bytes: int
    """The size of the table at the end of the rows."""
    rows: str
    """The SHA-256 digest of the rows."""
    n_rows: int
    tally: Tally

    def record(self) -> dict[str, Any]:
        """The entry as a record of the journal."""
        return sealed({**self._asdict(), "tally": self.tally.to_dict()})

    @classmethod
    def of_record(cls, record: Any) -> Entry:
        """Read a record; any other value raises one of the errors in `data.journal.DAMAGE`."""
        values, _ = unsealed(record)
        return cls(**{**values, "tally": Tally.of_dict(values["tally"])})


class PredictionJournal:
    """The parts of a request whose predictions are already in its unfinished table.

    A part counts if its record is whole, and the table has its rows, byte for byte, below the first
    line `head`. So no row is lost or written twice wherever a run ends, and rows that were edited,
    or whose columns were, are predicted again.
    """

    def __init__(self, path: Path, request: str, table: Path, head: bytes) -> None:
        self._file = Journal(path, {"schema": SCHEMA, "question": request})
        self._entries: list[Entry] = []
        self._n_taken = 0
        self._is_open = True
        if is_regular(table):
            with regular(table).open("rb") as rows:
                if rows.read(len(head)) == head:
                    self._end = len(head)
                    self._file.read(partial(self._enter, rows))

    def take(self, part: str) -> Entry | None:
        """Return the next part's entry; `None` from the first part on that has no entry."""
        if self._is_open and self._n_taken < len(self._entries):
            entry = self._entries[self._n_taken]
            if entry.part == part:
                self._n_taken += 1
                return entry
        self._is_open = False
        return None

    def begin(self) -> None:
        """Remove the entries that were not taken."""
        self._file.replace(entry.record() for entry in self._entries[: self._n_taken])

    def add(self, entry: Entry) -> None:
        """Record a part, whose rows are in the table."""
        self._file.append(entry.record())

    def remove(self) -> None:
        """Delete the journal."""
        self._file.path.unlink(missing_ok=True)

    def _enter(self, rows: IO[bytes], record: Any) -> None:
        entry = Entry.of_record(record)
        content = rows.read(max(entry.n_bytes - self._end, 0))
        if entry.n_bytes < self._end or hashlib.sha256(content).hexdigest() != entry.rows:
            raise ValueError("the rows in the table differ from those in the journal")
        self._end = entry.n_bytes
        self._entries.append(entry)


def request_digest(stored: StoredAdapter, rows: object, *facts: object) -> str:
    """Return a digest of all that the rows of a table depend on; `facts` enter by their `repr`."""
    parts = stored.config.inside, stored.config.tree
    digest = hashlib.sha256(repr((version("metaadapter"), rows, facts, parts)).encode())
    for name, content in sorted(file_contents(stored).items()):
        digest.update(f"{name} {hashlib.sha256(content).hexdigest()}".encode())
    return digest.hexdigest()
