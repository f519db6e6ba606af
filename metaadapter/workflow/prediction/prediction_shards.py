"""Tables of predictions that several machines wrote, a shard each, merged into the whole table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from metaadapter.data.shard import require_all_shards
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.files.db import Database
from metaadapter.files.output_folder import write_errors
from metaadapter.files.table_file import Row, write_table
from metaadapter.workflow.prediction.prediction_rows import STATUS, Outcome, RowFormat
from metaadapter.workflow.prediction.prediction_table import END, PURPOSE, database_of, outcomes_in

# What differs between shards that do not belong together, by the entry of their job.
DIFFERENCES = {
    "request": "another adapter or other options",
    "pictures": "other pictures",
    "n_shards": "another number of shards",
}


class MergedPredictions(NamedTuple):
    """The table that `merge_predictions` has written."""

    n_rows: int
    statuses: dict[str, int]
    """Status → the number of its rows."""

    def __str__(self) -> str:
        counts = ", ".join(f"{count:,} {status}" for status, count in self.statuses.items())
        return f"{self.n_rows:,} rows, {counts or 'none'}"


def merge_predictions(files: Sequence[Path], out: Path) -> MergedPredictions:
    """Merge the tables of all shards of a request into the table that one process writes.

    The rows are in the database beside each table.

    Args:
        files: The tables that `metaadapter predict --shard` wrote, in any order.
        out: The new table; its ending chooses CSV, JSON lines or Parquet.

    Raises:
        DataError: A shard is missing or damaged, or `out` cannot be written.
        IncompatibleArtifact: The shards are of other adapters, options or pictures.
        UsageError: A shard is given twice.
    """
    if not files:
        raise UsageError("no table of predictions was named to merge; name those of all shards")
    shards = dict[int, Path]()
    first = _head(files[0])
    for file in files:
        job = _head(file)["job"]
        for name, difference in DIFFERENCES.items():
            if job[name] != first["job"][name]:
                raise IncompatibleArtifact(
                    f"{file} is a shard of {difference} than {files[0]}; merge the shards of one "
                    "and the same command"
                )
        if twice := shards.get(job["shard"]):
            raise UsageError(f"{file} and {twice} are both shard {job['shard']}; name one of them")
        shards[job["shard"]] = file
    require_all_shards(shards, first["job"]["n_shards"])
    rows, statuses = RowFormat(**first["format"]), Counter[str]()

    def outcomes() -> Iterator[Outcome]:
        for number in sorted(shards):
            with _opened(shards[number]) as log:
                yield from outcomes_in(log, rows)

    def counted() -> Iterator[Row]:
        status = rows.names.index(STATUS)
        for row in rows.rows(outcomes()):
            statuses[str(row[status])] += 1
            yield row

    with write_errors(str(out)):
        write_table(out, rows.columns, counted(), title=PURPOSE)
    return MergedPredictions(statuses.total(), dict(sorted(statuses.items())))


def _head(file: Path) -> Mapping[str, Any]:
    """Return the job and the format of a shard's table; `DataError` unless it is finished."""
    with _opened(file) as log:
        head: Mapping[str, Any] = log.head
        is_finished = log.latest(END)
    if not isinstance(head["job"], dict) or not is_finished:
        raise DataError(
            f"{file} is not the finished table of a shard; let its command predict --shard "
            "finish first"
        )
    return head


def _opened(file: Path) -> Database:
    place = database_of(file)
    if not place.exists():
        raise DataError(
            f"{place} is missing, which predict --shard writes beside its table {file}; let that "
            "command finish, or copy it too"
        )
    return Database(place, PURPOSE, writes=False)
