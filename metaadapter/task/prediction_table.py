"""Predictions as a CSV that grows while pictures are classified."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, final

from metaadapter.errors import DataError, Interrupted
from metaadapter.files.atomic_files import replace_file
from metaadapter.files.own_folder import require_no_link
from metaadapter.files.regular_files import regular
from metaadapter.plain_text import in_csv
from metaadapter.task.predictions import Prediction

__all__ = ["PredictionTable"]

COLUMNS = (*Prediction._fields[:5], "known", "unfamiliar")  # from path to runner_up_probability
ROWS_AT_ONCE = 1024


@final
class PredictionTable:
    """Rows of predictions in FILE.partial, which becomes FILE when all pictures are classified.

    A run that ends early, by Ctrl-C, a full disk or a crash, leaves the rows so far in
    FILE.partial, in the order of the pictures; FILE itself is always whole.

    Args:
        path: FILE.
        classes: labels, one column of probabilities each.
        raw: names as they are, and not as `in_csv` writes them.
        sets: a column `set` with the classes that a picture may show, joined by " | ".

    Raises:
        DataError: the file cannot be written, or FILE.partial is a link.
    """

    def __init__(
        self, path: Path, classes: Sequence[str], *, raw: bool = False, sets: bool = False
    ) -> None:
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        self._classes = classes
        self._raw = raw
        self._sets = ("set",) if sets else ()
        self._head = self._csv([[*COLUMNS, *self._sets, *(f"p_{label}" for label in classes)]])
        self._n_rows = 0
        require_no_link(self._partial)
        with self._explained():
            # Rows that an earlier run has left stay until this one has some.
            self._partial.touch()
            self._file = regular(self._partial).open("ab")
            self._n_bytes = self._file.tell()

    def __enter__(self) -> PredictionTable:
        return self

    def add(self, predictions: Sequence[Prediction]) -> None:
        """Append rows, which are in the file when this returns."""
        with self._explained():
            if not self._n_rows:
                self._file.truncate(0)
                self._n_bytes = 0
                self._file.write(self._head)
            self._write(self._file, predictions)
            self._file.flush()
            self._n_bytes = self._file.tell()
        self._n_rows += len(predictions)

    def finish(self, ordered: Sequence[Prediction] | None = None) -> None:
        """Make it FILE: the rows that were added, or `ordered` in their place."""
        with self._explained():
            self._file.close()
            if ordered is None:
                self._partial.replace(self._path)
            else:
                replace_file(self._path, partial(self._write_whole, ordered))
                self._partial.unlink()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if kind is None:
            with self._explained():
                self._file.close()
            return
        with suppress(OSError):  # `add` has told it
            self._file.close()
        try:
            # A failed write leaves a part of a row.
            os.truncate(self._partial, self._n_bytes)
            if not self._n_bytes:
                self._partial.unlink()
        except OSError:  # somebody took it away; why the run ended is what matters
            return
        if self._n_rows and issubclass(kind, KeyboardInterrupt):
            raise Interrupted(
                f"interrupted; the predictions so far, for {self._n_rows} pictures, are in "
                f"{self._partial}"
            ) from error

    def _write_whole(self, predictions: Sequence[Prediction], file: IO[bytes]) -> None:
        file.write(self._head)
        self._write(file, predictions)

    def _write(self, file: IO[bytes], predictions: Sequence[Prediction]) -> None:
        for start in range(0, len(predictions), ROWS_AT_ONCE):
            rows = self._csv(
                [
                    *it[:5],
                    *("" if it.known is None else it.known, "yes" if it.unfamiliar else ""),
                    *(" | ".join(it.set or ()) for _ in self._sets),
                    *(it.probabilities[label] for label in self._classes),
                ]
                for it in predictions[start : start + ROWS_AT_ONCE]
            )
            file.write(rows)

    def _csv(self, rows: Iterable[Sequence[object]]) -> bytes:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows if self._raw else (map(in_csv, row) for row in rows))
        # A file name of undecodable bytes comes back as the same bytes.
        return text.getvalue().encode(errors="surrogateescape")

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
