"""The table of predictions, whose rows are in a database until the last one is known."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, final

import numpy as np

from metaadapter.adapter.label_tree import SureAnswer
from metaadapter.data.crop import Box
from metaadapter.data.inputs import UnreadableImage
from metaadapter.errors import Interrupted
from metaadapter.files.db import Database
from metaadapter.files.db_connection import ENDING
from metaadapter.files.db_records import Record
from metaadapter.files.output_folder import is_stream, write_errors
from metaadapter.files.salvage import repaired
from metaadapter.files.table_file import write_table
from metaadapter.workflow.accuracy import Tally
from metaadapter.workflow.prediction.prediction_rows import Outcome, RowFormat
from metaadapter.workflow.prediction.predictions import Prediction

PURPOSE = "predictions"
# The kinds of records: the rows of some pictures; the end of a shard, with the number of its rows.
PART, END = "part", "end"
SHARES = Prediction._fields.index("probabilities")


@final
class PredictionTable:
    """A table FILE, whose rows are in the database FILE.db until all are there.

    A run that ends early, by Ctrl-C, a full disk or a crash, leaves its rows there, in the order of
    the pictures, and the next run of the same job keeps the rows of the parts that were predicted.
    `job`, a JSON value, has all that the rows depend on; None for a table that cannot be continued.
    The database of a shard stays beside its table, for `merge_predictions`. If FILE is a pipe, the
    rows are written to it at the end, and none are kept before.
    """

    def __init__(
        self, path: Path, rows: RowFormat, *, job: Any = None, is_shard: bool = False
    ) -> None:
        self._path, self._rows, self._is_shard = path, rows, is_shard
        self.n_rows = 0
        """The number of rows so far."""
        self._folder = TemporaryDirectory() if is_stream(path) else None
        place = database_of(path if self._folder is None else Path(self._folder.name, "table"))
        self._is_new = not place.exists()
        self._again = "begins again" if job is None else "resumes there"
        self._log = repaired(
            place,
            PURPOSE,
            {"job": job or secrets.token_hex(), "format": asdict(rows)},
            owner=f"the table {path}",
            instead="choose another place for the table",
        )
        self._kept: Iterator[Record] | None = self._log.records(PART)
        """The parts of an earlier run that can be taken; None once new rows were added."""
        self._n_taken = 0

    def __enter__(self) -> PredictionTable:
        return self

    def take(self, part: str) -> Tally | None:
        """Return the tally of a part whose rows an earlier run wrote; `None` if it wrote none.

        Call this for the parts from first to last; all parts after a missing one are missing too.
        """
        record = None if self._kept is None else next(self._kept, None)
        if record is None or record.key != part:
            self._begin()
            return None
        self._n_taken = record.number
        outcomes = [*_outcomes(record.value, self._rows.classes)]
        self.n_rows += len(outcomes)
        return Tally.of(outcomes, record.value["warnings"])

    def add(
        self, outcomes: Sequence[Outcome], part: str = "", warnings: Sequence[str] = ()
    ) -> None:
        """Append the rows of a part in the order of its pictures; they are then on disk."""
        value = _stored(outcomes, self._rows.classes) | {"warnings": [*warnings]}
        with self._write_errors():
            self._begin()
            self._log.add(PART, part, value)
        self.n_rows += len(outcomes)

    def predictions(self) -> Iterator[Prediction]:
        """Read the predictions of all rows so far, one by one."""
        self._begin()
        for outcome in outcomes_in(self._log, self._rows):
            if isinstance(outcome, Prediction):
                yield outcome

    def finish(self, ordered: Sequence[Prediction] | None = None) -> None:
        """Write FILE: the rows that were added, or `ordered` and the unreadable pictures."""
        with self._write_errors():
            self._begin()
            whole: Iterable[Outcome] = outcomes_in(self._log, self._rows)
            if ordered is not None:
                whole = [*ordered, *(one for one in whole if isinstance(one, UnreadableImage))]
            write_table(self._path, self._rows.columns, self._rows.rows(whole), title=PURPOSE)
            self._is_new = False
            if self._is_shard:
                self._log.add(END, "", {"n_rows": self.n_rows})
            else:
                self._log.remove()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._is_new and not self.n_rows:
            self._log.remove()
        self._log.close()
        if self._folder is not None:
            self._folder.cleanup()
        elif kind and issubclass(kind, KeyboardInterrupt) and self.n_rows:
            raise Interrupted(
                f"interrupted; the predictions so far, for {self.n_rows} pictures, are in "
                f"{self._log.path}; the same command {self._again}"
            ) from error

    def _begin(self) -> None:
        """Remove an earlier run's rows that were not taken; do nothing if called again."""
        if self._kept is not None:
            self._kept = None
            self._log.truncate(self._n_taken)

    def _write_errors(self) -> AbstractContextManager[None]:
        has_rows = self.n_rows and self._folder is None
        kept = f"The rows so far are in {self._log.path}" if has_rows else ""
        return write_errors(str(self._path), kept, instead="choose another place for the table")


def database_of(table: Path) -> Path:
    """Return the place of the rows of a table that is not finished, or of a shard's."""
    return table.with_name(table.name + ENDING)


def outcomes_in(log: Database, rows: RowFormat) -> Iterator[Outcome]:
    """Read predictions and unreadable pictures in the order of the pictures."""
    for record in log.records(PART):
        yield from _outcomes(record.value, rows.classes)


def _stored(outcomes: Sequence[Outcome], classes: Sequence[str]) -> dict[str, Any]:
    """Return outcomes as JSON: the fields of predictions, path and reason of unreadable pictures.

    The probabilities are a matrix of float64, little-endian, in base64, because as text they take
    most of the time. In their place a prediction says whether it has any.
    """
    cells, shares = list[Any](), list[list[float]]()
    for one in outcomes:
        if isinstance(one, UnreadableImage):
            cells.append((str(one.path), one.reason))
            continue
        cells.append([*one])
        cells[-1][SHARES] = bool(one.probabilities)
        if one.probabilities:
            shares.append([one.probabilities[label] for label in classes])
    matrix = np.array(shares, "<f8").tobytes()
    return {"outcomes": cells, "probabilities": base64.b64encode(matrix).decode()}


def _outcomes(values: Mapping[str, Any], classes: Sequence[str]) -> Iterator[Outcome]:
    """Undo `_stored`."""
    matrix = np.frombuffer(base64.b64decode(values["probabilities"]), "<f8")
    shares = iter(matrix.reshape(-1, len(classes)).tolist())
    for cells in values["outcomes"]:
        if len(cells) == len(("path", "reason")):
            yield UnreadableImage(*cells)
            continue
        cells[SHARES] = dict(zip(classes, next(shares), strict=True)) if cells[SHARES] else {}
        for place, restore in OF_LISTS.items():
            if cells[place] is not None:
                cells[place] = restore(cells[place])
        yield Prediction(*cells)


def _sure(cells: Sequence[Any]) -> SureAnswer:
    *node, path, probabilities = cells
    return SureAnswer._make((*node, tuple(path), tuple(probabilities)))


# The functions that restore the fields which JSON has as lists, by the places of these.
OF_LISTS: Mapping[int, Callable[[Sequence[Any]], Any]] = {
    Prediction._fields.index("set"): tuple,
    Prediction._fields.index("labels"): tuple,
    Prediction._fields.index("box"): Box._make,
    Prediction._fields.index("sure"): _sure,
}
