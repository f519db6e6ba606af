"""The table of predictions, which grows on disk while labels are predicted."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import IO, final

from metaadapter.data.crop import Box
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.manifest import UNREADABLE
from metaadapter.data.output_file import is_stream, write_output
from metaadapter.data.output_folder import hold_lock, require_no_link
from metaadapter.data.plain_text import csv_bytes, from_csv
from metaadapter.data.regular_files import regular
from metaadapter.errors import DataError, Interrupted
from metaadapter.workflow.accuracy import Tally
from metaadapter.workflow.prediction_journal import Entry, PredictionJournal
from metaadapter.workflow.predictions import Prediction

ROWS_AT_ONCE = 1024

# From path to runner_up_probability; a picture without predictions has only path and the reason.
COLUMNS = (*Prediction._fields[:5], "known", "unfamiliar", UNREADABLE)
# A manifest of pictures names these columns in the same way.
BOX_COLUMNS = ("box_left", "box_top", "box_width", "box_height", "detected", "confidence")
BETWEEN = " | "


@dataclass(frozen=True, slots=True)
class RowFormat:
    """The columns of a table, among them the probability of each class."""

    classes: Sequence[str]
    raw: bool = False
    """Whether names are written unchanged, without `in_csv`."""
    sets: bool = False
    """Whether a column `set` lists the classes that a picture may show."""
    boxes: bool = False
    times: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return (
            *COLUMNS,
            *(["set"] if self.sets else []),
            *((*BOX_COLUMNS, "source") if self.boxes else []),
            *(["time", "series", "animal"] if self.times else []),
            *(f"p_{label}" for label in self.classes),
        )

    @property
    def head(self) -> bytes:
        """The first line, with the names of the columns."""
        return csv_bytes([self.columns], raw=self.raw)

    def rows(
        self, predictions: Iterable[Prediction], unreadable: Iterable[UnreadableImage] = ()
    ) -> bytes:
        """Return one line for each prediction, then one for each unreadable picture."""
        left_out = ({"path": str(image.path), UNREADABLE: image.reason} for image in unreadable)
        reasons = ([values.get(column, "") for column in self.columns] for values in left_out)
        return csv_bytes(chain(map(self._cells, predictions), reasons), raw=self.raw)

    def read(self, file: IO[bytes]) -> Iterator[Prediction]:
        """Yield the predictions in a complete table, without true labels and `in_support`."""
        text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
        try:
            lines = csv.reader(text)
            next(lines)
            for line in lines:
                texts = line if self.raw else map(from_csv, line)
                cells = dict(zip(self.columns, texts, strict=True))
                if not cells[UNREADABLE]:
                    yield self._prediction(cells)
        finally:
            text.detach()  # the caller closes the file

    def _cells(self, prediction: Prediction) -> list[object]:
        known, confidence = prediction.known, prediction.confidence
        cells = [
            *prediction[:5],
            "" if known is None else known,
            "yes" if prediction.unfamiliar else "",
            "",
        ]
        if self.sets:
            cells.append(BETWEEN.join(prediction.set or ()))
        if self.boxes:
            cells += [*(prediction.box or ("",) * 4), prediction.detected or ""]
            cells += ["" if confidence is None else confidence, prediction.source or ""]
        if self.times:
            cells += [prediction.time or "", prediction.series or "", prediction.animal or ""]
        return [*cells, *(prediction.probabilities.get(label, "") for label in self.classes)]

    def _prediction(self, cells: dict[str, str]) -> Prediction:
        shares = {label: cells[f"p_{label}"] for label in self.classes}
        sides = [cells.get(column, "") for column in BOX_COLUMNS[:4]]
        confidence = cells.get("confidence")
        return Prediction(
            path=cells["path"],
            label=cells["label"],
            probability=float(cells["probability"]),
            runner_up=cells["runner_up"],
            runner_up_probability=float(cells["runner_up_probability"]),
            in_support=False,
            probabilities={label: float(share) for label, share in shares.items() if share},
            known=float(cells["known"]) if cells["known"] else None,
            unfamiliar=bool(cells["unfamiliar"]),
            set=tuple(cells["set"].split(BETWEEN)) if cells.get("set") else None,
            box=Box(*map(float, sides)) if any(sides) else None,
            detected=cells.get("detected") or None,
            confidence=float(confidence) if confidence else None,
            time=cells.get("time") or None,
            series=cells.get("series") or None,
            animal=int(cells["animal"]) if cells.get("animal") else None,
            source=cells.get("source") or None,
        )


@final
class PredictionTable:
    """Rows of predictions in FILE.partial, which becomes FILE after the last picture.

    A run that ends early, by Ctrl-C, a full disk or a crash, leaves the rows so far in
    FILE.partial, in the order of the pictures; FILE itself is always whole. The next run of the
    same request (`request_digest`) keeps the rows of the parts that were predicted. Only one
    process at a time can write. If FILE is a pipe, the rows are written to it at the end, and none
    are kept before.
    """

    def __init__(self, path: Path, rows: RowFormat, *, request: str | None = None) -> None:
        self._path = path
        self._is_stream = is_stream(path)
        held = ExitStack()
        if self._is_stream:
            place = Path(held.enter_context(TemporaryDirectory()), "table")
            request = None
        else:
            place = path
        self._partial = place.with_name(place.name + ".partial")
        self._format = rows
        self._n_rows = 0
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
                journal, request, self._partial, self._format.head
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
        self._n_rows += entry.tally.n
        return entry.tally

    def add(
        self, predictions: Sequence[Prediction], part: str = "", tally: Tally | None = None
    ) -> None:
        """Append the rows of a part and of its unreadable pictures; they are then in the file."""
        unreadable = [] if tally is None else tally.unreadable
        with self._explained():
            self._begin()
            rows = self._format.rows(predictions, unreadable)
            self._write(self._file, rows)
            self._file.flush()
            self._n_bytes = self._file.tell()
            if self._journal and tally is not None:
                sha256 = hashlib.sha256(rows).hexdigest()
                self._journal.add(Entry(part, self._n_bytes, sha256, tally))
        self._n_rows += len(predictions)
        self._unreadable += unreadable

    def predictions(self) -> Iterator[Prediction]:
        """Read the predictions of all rows so far, one by one."""
        with self._explained():
            self._begin()
        with regular(self._partial).open("rb") as file:
            yield from self._format.read(file)

    def finish(self, ordered: Sequence[Prediction] | None = None) -> None:
        """Write FILE: the rows that were added, or `ordered` and the unreadable pictures."""
        with self._explained():
            self._begin()
            self._file.close()
            if ordered is not None:
                write_output(self._path, partial(self._write_whole, ordered))
                self._partial.unlink()
            elif self._is_stream:
                with self._partial.open("rb") as rows:
                    write_output(self._path, partial(shutil.copyfileobj, rows))
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
        if self._n_rows and not self._is_stream and issubclass(kind, KeyboardInterrupt):
            resume = "; the same command resumes there" if self._journal else ""
            raise Interrupted(
                f"interrupted; the predictions so far, for {self._n_rows} pictures, are in "
                f"{self._partial}{resume}"
            ) from error

    def _begin(self) -> None:
        """Remove an earlier run's rows that were not taken; do nothing if called again."""
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
        self._write(file, self._format.rows((), self._unreadable))

    def _write(self, file: IO[bytes], rows: bytes) -> None:
        file.write(rows)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            has_rows = self._n_rows and not self._is_stream
            kept = f"; the rows so far are in {self._partial}" if has_rows else ""
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
