"""The table of predictions, whose rows are in a database until the last one is known."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, final

from metaadapter.adapter.label_tree import SureAnswer
from metaadapter.data.crop import Box
from metaadapter.data.db import ENDING, Database, Record
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.output_file import is_stream
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
        self.n_rows += len(record.value["rows"])
        return Tally.of_dict(record.value["tally"])

    def add(self, outcomes: Iterable[Outcome], part: str = "", tally: Tally | None = None) -> None:
        """Append the rows of a part in the order of its pictures; they are then on disk."""
        rows = [_stored(outcome, self._rows.classes) for outcome in outcomes]
        value = {"rows": rows, "tally": (tally or Tally()).to_dict()}
        with self._explained():
            self._begin()
            self._log.add(PART, part, value)
        self.n_rows += len(rows)

    def predictions(self) -> Iterator[Prediction]:
        """Read the predictions of all rows so far, one by one."""
        self._begin()
        for outcome in outcomes_in(self._log, self._rows):
            if isinstance(outcome, Prediction):
                yield outcome

    def finish(self, outcomes: Iterable[Outcome] | None = None) -> None:
        """Write FILE: the rows that were added, or those of other outcomes."""
        with self._explained():
            self._begin()
            whole = outcomes_in(self._log, self._rows) if outcomes is None else outcomes
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
        for values in record.value["rows"]:
            yield _outcome(values, rows.classes)


def _stored(outcome: Outcome, classes: Sequence[str]) -> dict[str, Any]:
    """Return an outcome as JSON, without fields that have no value."""
    if isinstance(outcome, UnreadableImage):
        return {"path": str(outcome.path), "reason": outcome.reason}
    defaults = Prediction._field_defaults
    values = {
        name: value
        for name, value in zip(Prediction._fields, outcome, strict=True)
        if name not in defaults or value != defaults[name]
    }
    return values | {"probabilities": [*map(outcome.probabilities.get, classes)]}


def _outcome(values: Mapping[str, Any], classes: Sequence[str]) -> Outcome:
    """Undo `_stored`."""
    if "reason" in values:
        return UnreadableImage(values["path"], values["reason"])
    shares = zip(classes, values["probabilities"], strict=True)
    own: dict[str, Any] = {
        "probabilities": {label: share for label, share in shares if share is not None}
    }
    for name in ("set", "labels"):
        if name in values:
            own[name] = tuple(values[name])
    if "box" in values:
        own["box"] = Box(*values["box"])
    if "sure" in values:
        label, probability, level, path, probabilities = values["sure"]
        own["sure"] = SureAnswer(label, probability, level, tuple(path), tuple(probabilities))
    return Prediction(**{**values, **own})
