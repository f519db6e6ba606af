"""A journal whose records form a chain: each record holds the hash of the one before.

The head, a small document beside the journal, holds the number of records and the hash of the last
one, so that a lost end is noticed. A record is written before the head. So after a kill the journal
may have one record more than the head says, but never one less.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, final

from metaadapter.data.checksums import PROOF, SEAL, read_document, sealed, unsealed
from metaadapter.data.journal import Journal
from metaadapter.data.output_folder import replace_file, require_no_link
from metaadapter.data.strict_json import json_text
from metaadapter.errors import DataError

HEAD_SCHEMA, PREVIOUS = "metaadapter.history/1", "previous"
HEAD_BYTES = 512
"""The size of a head with its spaces, which is that of the smallest sector of a drive."""
# The first record of a shortened chain, which holds the hash of the last record that it replaces.
BEGIN = "begin"


class DamagedHistory(DataError):
    """A chain that does not fit its head; without the head, its lines before the damage count."""


@final
class Chain:
    """A journal in a file NAME.jsonl with its head NAME.json; one process at a time appends."""

    def __init__(self, path: Path) -> None:
        self.path, self.head = path, path.with_suffix(".json")
        self.n_records, self.last = 0, ""
        """The number of records, and the hash of the last one."""
        self._journal = Journal(path)

    def read(self, enter: Callable[[dict[str, Any]], object]) -> None:
        """Pass the values of each record to `enter`; a `DataError` if a record is damaged or lost.

        Without a head the chain may have lost its end, and reading stops before a damaged record.
        """
        require_no_link(self.path)
        require_no_link(self.head)
        try:
            self._read(enter)
        except DataError as error:
            if isinstance(error.__cause__, OSError) or not self.head.exists():
                raise
            raise DamagedHistory(*error.args) from error

    def _read(self, enter: Callable[[dict[str, Any]], object]) -> None:
        # The head is read first, because another process may append in the meantime.
        head = self._read_head() if self.head.exists() else None
        hashes = {""}

        def apply(record: Any) -> None:
            values, _ = unsealed(record)
            previous = values.pop(PREVIOUS, None)
            if self.n_records == 0 and BEGIN in values:
                hashes.clear()
                hashes.add(previous)
            elif previous != self.last:
                raise ValueError("it does not follow the line before it")
            enter(values)
            self.n_records, self.last = self.n_records + 1, record[PROOF][SEAL]
            hashes.add(self.last)

        self._journal.read(apply, self._remedy if head else None)
        if head and head[1] not in hashes:
            n_lost = head[0] - self.n_records
            fault = f"the last {n_lost} are missing" if n_lost > 0 else "it is another history"
            raise DataError(
                f"{self.path} has {self.n_records} whole lines, but its head {self.head.name} "
                f"counts {head[0]}: {fault}; {self._remedy}"
            )

    def is_cut(self) -> bool:
        """Return whether the file has more than the records that were read."""
        return self.path.exists() and self.path.stat().st_size > self._journal.size

    def append(self, values: dict[str, Any]) -> None:
        """Append a record; it is on disk when this returns, and absent after an error."""
        if not self._journal.is_current():
            self._adopt()
        record = sealed({**values, PREVIOUS: self.last})
        size, before = self._journal.append(record), (self.n_records, self.last)
        try:
            self.n_records, self.last = self.n_records + 1, record[PROOF][SEAL]
            self._write_head()
        except OSError:
            self.n_records, self.last = before
            with suppress(OSError):
                self._journal.cut(size)
            raise

    def replace(self, records: Iterable[dict[str, Any]], previous: str = "") -> None:
        """Replace all records in one step; the first one follows the hash `previous`."""
        chained: list[dict[str, Any]] = []
        for values in records:
            chained.append(sealed({**values, PREVIOUS: previous}))
            previous = chained[-1][PROOF][SEAL]
        self._journal.replace(chained)
        self.n_records, self.last = len(chained), previous
        self._write_head()

    def prepare(self) -> None:
        """Make the file writable, without the rest of a record that a kill cut off."""
        self._journal.prepare()

    def _adopt(self) -> None:
        """Continue in an equal file that another program has put in the place of this one."""
        again = Chain(self.path)
        again.read(lambda _: None)
        if (again.n_records, again.last) != (self.n_records, self.last):
            raise DataError(
                f"another program has changed {self.path} while the page had it open; end the page "
                "and start it again, which reads the file again"
            )
        self._journal = again._journal

    def _read_head(self) -> tuple[int, str]:
        remedy = f"restore it from a copy, or remove it: then the lines of {self.path.name} count"
        values, _ = read_document(self.head, HEAD_SCHEMA, remedy)
        try:
            return int(values["lines"]), str(values["last"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{self.head} lacks its numbers ({error}); {remedy}") from error

    def _write_head(self) -> None:
        """Replace the head in one step: a write of one sector is done whole or not at all."""
        values = {"schema": HEAD_SCHEMA, "lines": self.n_records, "last": self.last}
        content = json_text(sealed(values)).ljust(HEAD_BYTES - 1).encode() + b"\n"
        if _is_head(self.head):
            # A new file for each edit would make the next line wait longer for the drive.
            with self.head.open("r+b", buffering=0) as file:
                file.write(content)
        else:
            replace_file(self.head, content)

    @property
    def _remedy(self) -> str:
        return (
            f"restore both files from a copy of the project, or remove {self.head.name}: then the "
            "lines before the damage count, and the rest goes to the folder leftovers"
        )


def _is_head(path: Path) -> bool:
    """Return whether there is a file of the size of a head, and no link or pipe."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size == HEAD_BYTES
