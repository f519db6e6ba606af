"""The table of predictions, which grows on disk while labels are predicted."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import IO, final

from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.output_file import is_stream, write_output
from metaadapter.data.output_folder import hold_lock, require_no_link
from metaadapter.data.regular_files import regular
from metaadapter.errors import DataError, Interrupted
from metaadapter.workflow.accuracy import Tally
from metaadapter.workflow.prediction_journal import Entry, PredictionJournal
from metaadapter.workflow.prediction_rows import Outcome, Row, in_parts
from metaadapter.workflow.predictions import Prediction
from metaadapter.workflow.row_files import RowFile
from metaadapter.workflow.seen_pictures import SeenPictures


@final
class PredictionTable:
    """Rows of predictions in FILE.partial, which becomes FILE after the last picture.

    A row is marked as a duplicate if the bytes of its picture are those of an earlier row.

    A run that ends early, by Ctrl-C, a full disk or a crash, leaves the rows so far in
    FILE.partial, in the order of the pictures; FILE itself is always whole. The next run of the
    same request (`request_digest`) keeps the rows of the parts that were predicted. Only one
    process at a time can write. If FILE is a pipe, the rows are written to it at the end, and none
    are kept before.
    """

    def __init__(self, path: Path, kind: RowFile, *, request: str | None = None) -> None:
        self._path = path
        self._is_stream = is_stream(path)
        held = ExitStack()
        if self._is_stream:
            place = Path(held.enter_context(TemporaryDirectory()), "table")
            request = None
        else:
            place = path
        self._partial = place.with_name(place.name + ".partial")
        self._kind = kind
        self._seen: SeenPictures | None = None
        self.n_rows = 0
        """The number of rows so far."""
        self._unreadable: list[UnreadableImage] = []
        self._has_begun = False
        self._end_of_taken = 0
        journal = self._partial.with_name(self._partial.name + ".journal")
        require_no_link(self._partial)
        require_no_link(journal)
        with self._explained(), held:
            # The rows of an earlier run stay until this run has rows.
            self._partial.touch()
            held.enter_context(_only_writer(path, self._partial))
            self._file = regular(self._partial).open("ab")
            self._n_bytes = self._file.tell()
            self._journal = request and PredictionJournal(
                journal, request, self._partial, kind.head
            )
            self._held = held.pop_all()

    def __enter__(self) -> PredictionTable:
        return self

    def take(self, part: str) -> Tally | None:
        """Return the tally of a part whose rows an earlier run wrote; `None` if it wrote none.

        Call this for the parts from first to last; all parts after a missing one are missing too.
        """
        entry = self._journal.take(part) if self._journal and not self._has_begun else None
        if entry is None:
            return None
        self._end_of_taken = entry.n_bytes
        self._unreadable += entry.tally.unreadable
        self.n_rows += entry.n_rows
        return entry.tally

    def add(self, outcomes: Iterable[Outcome], part: str = "", tally: Tally | None = None) -> None:
        """Append the rows of a part in the order of its pictures; they are then in the file."""
        self.add_rows(list(map(self._kind.rows.row, outcomes)), part, tally)
        self._unreadable += [] if tally is None else tally.unreadable

    def add_rows(self, rows: Sequence[Row], part: str = "", tally: Tally | None = None) -> None:
        """Append the rows of a part; whether they are duplicates is decided anew."""
        with self._explained():
            self._begin()
            if self._seen is None:
                self._seen = self._held.enter_context(closing(SeenPictures(self._kind.rows)))
                for some in in_parts(self._rows()):
                    self._seen.mark(some)
            self._seen.mark(rows)
            content = self._kind.pack(rows)
            self._write(self._file, content)
            self._file.flush()
            self._n_bytes = self._file.tell()
            if self._journal and tally is not None:
                sha256 = hashlib.sha256(content).hexdigest()
                self._journal.add(Entry(part, self._n_bytes, sha256, len(rows), tally))
        self.n_rows += len(rows)

    def predictions(self) -> Iterator[Prediction]:
        """Read the predictions of all rows so far, one by one."""
        with self._explained():
            self._begin()
        for row in self._rows():
            if (prediction := self._kind.rows.prediction(row)) is not None:
                yield prediction

    def _rows(self) -> Iterator[Row]:
        with regular(self._partial).open("rb") as file:
            yield from self._kind.read(file)

    def finish(self, ordered: Sequence[Prediction] | None = None) -> None:
        """Write FILE: the rows that were added, or `ordered` and the unreadable pictures."""
        with self._explained():
            self._begin()
            self._file.close()
            if ordered is not None:
                write_output(self._path, partial(self._write_whole, ordered))
                self._partial.unlink()
            elif self._is_stream or not self._kind.is_final:
                with self._partial.open("rb") as rows:
                    write_output(self._path, partial(self._kind.convert, rows))
                self._partial.unlink()
            else:
                self._partial.replace(self._path)
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
        with suppress(OSError):  # `add` has already raised this error
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
        if self.n_rows and not self._is_stream and issubclass(kind, KeyboardInterrupt):
            resume = "; the same command resumes there" if self._journal else ""
            raise Interrupted(
                f"interrupted; the predictions so far, for {self.n_rows} pictures, are in "
                f"{self._partial}{resume}"
            ) from error

    def _begin(self) -> None:
        """Remove an earlier run's rows that were not taken; do nothing if called again."""
        if self._has_begun:
            return
        self._file.truncate(self._end_of_taken)
        self._n_bytes = self._end_of_taken
        if not self._end_of_taken:
            self._file.write(self._kind.head)
            self._file.flush()
        if self._journal:
            self._journal.begin()
        self._has_begun = True

    def _write_whole(self, predictions: Sequence[Prediction], file: IO[bytes]) -> None:
        outcomes: list[Outcome] = [*predictions, *self._unreadable]
        rows = map(self._kind.rows.row, outcomes)
        with closing(SeenPictures(self._kind.rows)) as seen:
            self._kind.write(file, map(seen.mark, in_parts(rows)))

    def _write(self, file: IO[bytes], rows: bytes) -> None:
        file.write(rows)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            has_rows = self.n_rows and not self._is_stream
            kept = f"; the rows so far are in {self._partial}" if has_rows else ""
            raise DataError(
                f"cannot write {error.filename2 or error.filename or self._path}: "
                f"{error.strerror}; free some space, or choose another place for the table{kept}"
            ) from error


@contextmanager
def _only_writer(table: Path, partial: Path) -> Iterator[None]:
    lock = partial.with_name(f"{partial.name}.lock")
    require_no_link(lock)
    with hold_lock(lock, f"the table {table}", instead="choose another place for the table"):
        yield
        # No process waits for the lock, so it can be deleted; on Windows it stays.
        with suppress(OSError):
            lock.unlink()
