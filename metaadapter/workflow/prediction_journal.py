"""How far an unfinished table of predictions is, so that the same command can go on with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from metaadapter.adapter.stored import StoredAdapter, file_contents
from metaadapter.data.atomic_files import replace_file
from metaadapter.data.proof import sealed, unsealed
from metaadapter.data.regular_files import is_regular, regular
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.data.table import ImageRow
from metaadapter.workflow.prediction_rows import RowFormat
from metaadapter.workflow.scores import Tally

SCHEMA = "metaadapter.predicting/1"


class Entry(NamedTuple):
    """One part of the pictures, whose rows are in the table."""

    part: str
    """`part_digest` of its pictures."""
    n_bytes: int
    """Where its rows end in the table."""
    rows: str
    """SHA-256 of its rows."""
    tally: Tally

    def line(self) -> bytes:
        """Its line in the journal."""
        values = {**self._asdict(), "tally": self.tally.to_dict()}
        return (json_text(sealed(values)) + "\n").encode()


class PredictionJournal:
    """Lines of JSON beside a table: what was asked, then one for each part that is answered.

    A part counts if its line is whole, as its SHA-256 tells, and its rows are in the table to the
    byte. So nothing is lost or doubled wherever a run ends, and rows that somebody has changed are
    asked again.

    Args:
        path: The journal.
        question: `question_digest` of what is asked.
        table: The unfinished table.
    """

    def __init__(self, path: Path, question: str, table: Path) -> None:
        self._path = path
        self._head = (json_text({"schema": SCHEMA, "question": question}) + "\n").encode()
        self._entries = [*self._of_before(table)]
        self._n_taken = 0
        self._is_open = True

    def take(self, part: str) -> Entry | None:
        """The entry of the next part, if an earlier run has answered it; none after a first gap."""
        if self._is_open and self._n_taken < len(self._entries):
            entry = self._entries[self._n_taken]
            if entry.part == part:
                self._n_taken += 1
                return entry
        self._is_open = False
        return None

    def begin(self) -> None:
        """Keep the entries that were taken, and no other."""
        kept = self._entries[: self._n_taken]
        replace_file(self._path, self._head + b"".join(entry.line() for entry in kept))

    def add(self, entry: Entry) -> None:
        """Tell of a part, whose rows are in the table."""
        with self._path.open("ab") as file:
            file.write(entry.line())

    def remove(self) -> None:
        """Delete it."""
        self._path.unlink(missing_ok=True)

    def _of_before(self, table: Path) -> Iterator[Entry]:
        if not (is_regular(self._path) and is_regular(table)):
            return
        head, *lines = regular(self._path).read_bytes().splitlines(keepends=True) or [b""]
        if head != self._head:
            return
        with regular(table).open("rb") as rows:
            start = len(rows.readline())
            for line in lines:
                entry = _entry(line)
                if entry is None or entry.n_bytes < start:
                    return
                content = rows.read(entry.n_bytes - start)
                if hashlib.sha256(content).hexdigest() != entry.rows:
                    return
                start = entry.n_bytes
                yield entry


def part_digest(rows: Iterable[ImageRow]) -> str:
    """Changes with any path, label, box, size or time of change of some pictures."""
    digest = hashlib.sha256()
    for row in rows:
        try:
            found = row.path.stat()
            facts: tuple[int, ...] = found.st_size, found.st_mtime_ns
        except (OSError, ValueError):
            facts = ()
        digest.update(repr((str(row.path), row.label, row.box, facts)).encode())
    return digest.hexdigest()


def question_digest(stored: StoredAdapter, rows: RowFormat, *facts: object) -> str:
    """Changes with anything that the rows of a table depend on.

    Args:
        stored: The adapter.
        rows: The columns of the table.
        facts: Whatever else was asked for; each has a `repr` that tells it from others.
    """
    parts = stored.config.inside, stored.config.prompt
    digest = hashlib.sha256(repr((version("metaadapter"), rows, facts, parts)).encode())
    for name, content in sorted(file_contents(stored).items()):
        digest.update(f"{name} {hashlib.sha256(content).hexdigest()}".encode())
    return digest.hexdigest()


def _entry(line: bytes) -> Entry | None:
    try:
        values, _ = unsealed(parse_json(line))
        return Entry(**{**values, "tally": Tally.of_dict(values["tally"])})
    except (
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
    ):  # a line that was being written when the run ended
        return None
