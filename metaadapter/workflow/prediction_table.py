"""The table of predictions, whose rows are in a database until the last one is known."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, final

import numpy as np

from metaadapter.adapter.label_tree import SureAnswer
from metaadapter.data.crop import Box
from metaadapter.data.db import ENDING, Database, Record
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.output_folder import is_stream
from metaadapter.data.table_file import write_table
from metaadapter.errors import DataError, Interrupted
from metaadapter.workflow.accuracy import Tally
from metaadapter.workflow.prediction_rows import Outcome, RowFormat
from metaadapter.workflow.predictions import Prediction

PURPOSE = "predictions"
# The kinds of records: the rows of some pictures; the end of a shard, with the number of its rows.
PART, END = "part", "end"


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
        self._is_stream = is_stream(path)
        place = database_of(path)
        with ExitStack() as held:
            if self._is_stream:
                place = Path(held.enter_context(TemporaryDirectory()), place.name)
            self._is_new = not place.exists()
            head = {"job": job or secrets.token_hex(), "format": asdict(rows)}
            self._log = Database(
                place,
                PURPOSE,
                head,
                owner=f"the table {path}",
                instead="choose another place for the table",
                repairs=True,
            )
            self._held = held.pop_all()
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
        outcomes = _outcomes(record.value, self._rows.classes)
        self.n_rows += len(outcomes)
        return Tally.of(outcomes, record.value["warnings"])

    def add(
        self, outcomes: Iterable[Outcome], part: str = "", warnings: Sequence[str] = ()
    ) -> None:
        """Append the rows of a part in the order of its pictures; they are then on disk."""
        outcomes = [*outcomes]
        value = _stored(outcomes, self._rows.classes)
        with self._explained():
            self._begin()
            self._log.add(PART, part, value | {"warnings": [*warnings]})
        self.n_rows += len(outcomes)

    def predictions(self) -> Iterator[Prediction]:
        """Read the predictions of all rows so far, one by one."""
        self._begin()
        for outcome in outcomes_in(self._log, self._rows):
            if isinstance(outcome, Prediction):
                yield outcome

    def finish(self, ordered: Sequence[Prediction] | None = None) -> None:
        """Write FILE: the rows that were added, or `ordered` and the unreadable pictures."""
        with self._explained():
            self._begin()
            whole: Iterable[Outcome] = outcomes_in(self._log, self._rows)
            if ordered is not None:
                lost = [one for one in whole if isinstance(one, UnreadableImage)]
                whole = [*ordered, *lost]
            write_predictions(self._path, self._rows, whole)
            self._is_new = False
            if self._is_shard:
                self._log.add(END, "", {"n_rows": self.n_rows})
                self._log.close()
            else:
                self._log.remove()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        with self._held:
            if self._is_new and not self.n_rows:
                self._log.remove()
            self._log.close()
        if kind and issubclass(kind, KeyboardInterrupt) and self.n_rows and not self._is_stream:
            raise Interrupted(
                f"interrupted; the predictions so far, for {self.n_rows} pictures, are in "
                f"{self._log.path}; the same command resumes there"
            ) from error

    def _begin(self) -> None:
        """Remove an earlier run's rows that were not taken; do nothing if called again."""
        if self._kept is not None:
            self._kept = None
            self._log.truncate(self._n_taken)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            has_rows = self.n_rows and not self._is_stream
            kept = f"; the rows so far are in {self._log.path}" if has_rows else ""
            raise DataError(
                f"cannot write {error.filename2 or error.filename or self._path}: "
                f"{error.strerror}; free some space, or choose another place for the table{kept}"
            ) from error


def database_of(table: Path) -> Path:
    """Return the place of the rows of a table that is not finished, or of a shard's."""
    return table.with_name(table.name + ENDING)


def write_predictions(file: Path, rows: RowFormat, outcomes: Iterable[Outcome]) -> None:
    """Write a table of predictions; its ending chooses CSV, JSON lines or Parquet."""
    write_table(file, rows.columns, rows.rows(outcomes), title="predictions")


def outcomes_in(log: Database, rows: RowFormat) -> Iterator[Outcome]:
    """Read predictions and unreadable pictures in the order of the pictures."""
    for record in log.records(PART):
        yield from _outcomes(record.value, rows.classes)


def _stored(outcomes: Sequence[Outcome], classes: Sequence[str]) -> dict[str, Any]:
    """Return outcomes as JSON: a list for each field that has values, as many as predictions.

    `unreadable` has place, path and reason of each other one. The probabilities of the classes are
    a matrix of float64, little-endian, in base64: as text they take most of the time; NaN for none.
    """
    predictions = [outcome for outcome in outcomes if isinstance(outcome, Prediction)]
    shares = [[*map(one.probabilities.get, classes)] for one in predictions]
    matrix = np.array(shares, "<f8").tobytes()
    values: dict[str, Any] = {
        "unreadable": [
            (place, str(outcome.path), outcome.reason)
            for place, outcome in enumerate(outcomes)
            if isinstance(outcome, UnreadableImage)
        ]
    }
    for name, cells in zip(Prediction._fields, zip(*predictions, strict=True), strict=False):
        if name not in DEFAULTS or cells.count(DEFAULTS[name]) < len(cells):
            values[name] = cells
    return values | {"probabilities": base64.b64encode(matrix).decode()}


def _outcomes(values: Mapping[str, Any], classes: Sequence[str]) -> list[Outcome]:
    """Undo `_stored`."""
    n = len(values.get("path", ()))
    content = base64.b64decode(values["probabilities"])
    matrix = np.frombuffer(content, "<f8").reshape(n, len(classes))
    columns: list[Iterable[Any]] = []
    for name in Prediction._fields:
        if name == "probabilities":
            columns.append(_shares(matrix, classes))
        elif name in values:
            restore = OF_JSON.get(name)
            cells = values[name]
            columns.append(map(restore, cells) if restore else cells)
        else:
            columns.append([DEFAULTS.get(name)] * n)
    outcomes: list[Outcome] = [*map(Prediction, *columns)]
    for place, path, reason in values["unreadable"]:
        outcomes.insert(place, UnreadableImage(path, reason))
    return outcomes


def _shares(matrix: np.ndarray, classes: Sequence[str]) -> Iterator[dict[str, float]]:
    lacks_some = np.isnan(matrix).any(axis=1).tolist()
    for row, lacks in zip(matrix.tolist(), lacks_some, strict=True):
        shares = dict(zip(classes, row, strict=True))
        yield {label: shares[label] for label in shares if shares[label] >= 0} if lacks else shares


def _tuple(cell: list[str] | None) -> tuple[str, ...] | None:
    return None if cell is None else tuple(cell)


def _box(sides: list[float] | None) -> Box | None:
    return None if sides is None else Box(*sides)


def _sure(cells: list[Any] | None) -> SureAnswer | None:
    if cells is None:
        return None
    label, probability, level, path, probabilities = cells
    return SureAnswer(label, probability, level, tuple(path), tuple(probabilities))


DEFAULTS = Prediction._field_defaults
# The fields that JSON has in another form.
OF_JSON: Mapping[str, Callable[[Any], Any]] = {
    **{"set": _tuple, "labels": _tuple, "box": _box, "sure": _sure}
}
