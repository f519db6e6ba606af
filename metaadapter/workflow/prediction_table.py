"""The table of predictions, which grows on disk while labels are predicted."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, final

from metaadapter.data.output_folder import hold_lock, replace_file, require_no_link
from metaadapter.data.regular_files import regular
from metaadapter.errors import DataError, Interrupted
from metaadapter.workflow.prediction_journal import Entry, PredictionJournal
from metaadapter.workflow.prediction_rows import RowFormat
from metaadapter.workflow.predictions import Prediction
from metaadapter.workflow.scores import Tally

ROWS_AT_ONCE = 1024


@final
class PredictionTable:
    """Rows of predictions in FILE.partial, which becomes FILE after the last picture.

    A run that ends early, by Ctrl-C, a full disk or a crash, leaves the rows so far in
    FILE.partial, in the order of the pictures; FILE itself is always whole. The next run of the
    same request keeps the rows of the parts that were predicted (`take`). One process at a time
    writes to the table.

    Args:
        path: FILE.
        rows: The format of the rows.
        request: The `request_digest` of the run; without one no run resumes another.

    Raises:
        DataError: The file cannot be written, another process writes to it, or FILE.partial is a
            link.
    """

    def __init__(self, path: Path, rows: RowFormat, *, request: str | None = None) -> None:
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        self._format = rows
        self._n_rows = 0
        self._has_begun = False
        self._end_of_taken = 0
        journal = self._partial.with_name(self._partial.name + ".journal")
        require_no_link(self._partial)
        require_no_link(journal)
        with self._explained(), ExitStack() as held:
            # The rows of an earlier run stay until this run has rows.
            self._partial.touch()
            held.enter_context(_only_writer(path, self._partial))
            self._file = regular(self._partial).open("ab")
            self._n_bytes = self._file.tell()
            self._journal = request and PredictionJournal(journal, request, self._partial)
            self._held = held.pop_all()

    def __enter__(self) -> PredictionTable:
        return self

    def take(self, part: str) -> Tally | None:
        """The tally of a part whose rows an earlier run left; `None` without such rows.

        Call it for the parts in their order; after the first missing part no other is taken.
        """
        entry = self._journal.take(part) if self._journal and not self._has_begun else None
        if entry is None:
            return None
        self._end_of_taken = entry.n_bytes
        self._n_rows += entry.tally.n
        return entry.tally

    def add(
        self, predictions: Sequence[Prediction], part: str = "", tally: Tally | None = None
    ) -> None:
        """Append the rows of a part; they are in the file when this returns."""
        with self._explained():
            self._begin()
            rows = self._format.rows(predictions)
            self._write(self._file, rows)
            self._file.flush()
            self._n_bytes = self._file.tell()
            if self._journal and tally is not None:
                sha256 = hashlib.sha256(rows).hexdigest()
                self._journal.add(Entry(part, self._n_bytes, sha256, tally))
        self._n_rows += len(predictions)

    def predictions(self) -> Iterator[Prediction]:
        """Read the predictions of all rows so far, one by one."""
        with self._explained():
            self._begin()
        with regular(self._partial).open("rb") as file:
            yield from self._format.read(file)

    def finish(self, ordered: Sequence[Prediction] | None = None) -> None:
        """Write FILE: the rows that were added, or `ordered` in their place."""
        with self._explained():
            self._begin()
            self._file.close()
            if ordered is None:
                self._partial.replace(self._path)
            else:
                replace_file(self._path, partial(self._write_whole, ordered))
                self._partial.unlink()
            if self._journal:
                self._journal.remove()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        with self._held:
            self._end(kind, error)

    def _end(self, kind: type[BaseException] | None, error: BaseException | None) -> None:
        if kind is None:
            with self._explained():
                self._file.close()
            return
        with suppress(OSError):  # `add` raised it already
            self._file.close()
        try:
            # A failed write may leave a part of a row.
            os.truncate(self._partial, self._n_bytes)
            if not self._n_bytes:
                self._partial.unlink()
                if self._journal:
                    self._journal.remove()
        except OSError:  # the first error matters more than a file that is gone
            return
        if self._n_rows and issubclass(kind, KeyboardInterrupt):
            resume = "; the same command resumes there" if self._journal else ""
            raise Interrupted(
                f"interrupted; the predictions so far, for {self._n_rows} pictures, are in "
                f"{self._partial}{resume}"
            ) from error

    def _begin(self) -> None:
        """Cut off the rows of an earlier run that were not taken, once."""
        if self._has_begun:
            return
        self._file.truncate(self._end_of_taken)
        self._n_bytes = self._end_of_taken
        if not self._end_of_taken:
            self._file.write(self._format.head)
            self._file.flush()
        if self._journal:
            self._journal.begin()
        self._has_begun = True

    def _write_whole(self, predictions: Sequence[Prediction], file: IO[bytes]) -> None:
        file.write(self._format.head)
        for start in range(0, len(predictions), ROWS_AT_ONCE):
            self._write(file, self._format.rows(predictions[start : start + ROWS_AT_ONCE]))

    def _write(self, file: IO[bytes], rows: bytes) -> None:
        file.write(rows)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            kept = f"; the rows so far are in {self._partial}" if self._n_rows else ""
            raise DataError(
                f"cannot write {error.filename2 or error.filename or self._path}: "
                f"{error.strerror}; free some space, or choose another --csv{kept}"
            ) from error


@contextmanager
def _only_writer(table: Path, partial: Path) -> Iterator[None]:
    lock = partial.with_name(f"{partial.name}.lock")
    require_no_link(lock)
    with hold_lock(lock, f"the table {table}", instead="choose another --csv"):
        yield
        # No process waits for the lock, so it can be deleted; on Windows it stays.
        with suppress(OSError):
            lock.unlink()
