"""Tables of predictions that several machines wrote, a shard each, merged into the whole table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from metaadapter.data.checksums import read_document, write_document
from metaadapter.data.regular_files import regular
from metaadapter.data.shard import require_all_shards
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.features.store.header import read_entries
from metaadapter.workflow.prediction_files import file_kind
from metaadapter.workflow.prediction_rows import STATUS, RowFormat, in_parts
from metaadapter.workflow.prediction_table import PredictionTable

SCHEMA = "metaadapter.prediction_shard/1"
ENDING = ".shard.json"
REMEDY = "run the same predict --shard again, or copy its table and this document again"
# What differs between shards that do not belong together, by the field of `ShardFacts`.
DIFFERENCES = {
    "request": "another adapter or other options",
    "pictures": "other pictures",
    "n": "another number of shards",
}


@dataclass(frozen=True)
class ShardFacts:
    """The document beside a shard's table, from which `merge_predictions` knows its place."""

    number: int
    n: int
    request: str
    """`request_digest` of the adapter and the options."""
    pictures: str
    """`PredictionRequest.pictures_digest` of all pictures, not only the shard's."""
    n_rows: int
    """The number of rows of the table."""
    format: RowFormat
    """Its columns."""


class MergedPredictions(NamedTuple):
    """The table that `merge_predictions` has written."""

    n_rows: int
    statuses: dict[str, int]
    """Status → the number of its rows."""


def write_shard_document(file: Path, facts: ShardFacts) -> None:
    """Write the document beside the finished table of a shard."""
    values = {"schema": SCHEMA, "metaadapter": version("metaadapter"), **asdict(facts)}
    write_document(_document(file), values, files=[file.name])


def merge_predictions(files: Sequence[Path], out: Path) -> MergedPredictions:
    """Merge the tables of all shards of a request into the table that one process writes.

    The bytes are those of one process if `out` has the ending of the tables. Whether a picture is
    a duplicate is decided anew, because the first one may be in another shard.

    Args:
        files: The tables that `metaadapter predict --shard` wrote, in any order.
        out: The new table; its ending chooses CSV, JSON lines or Parquet.

    Raises:
        DataError: A shard is missing or damaged, or `out` cannot be written.
        IncompatibleArtifact: The shards are of other adapters, options or pictures.
        UsageError: A shard is given twice.
    """
    shards = _read_shards(files)
    rows = shards[0][1].format
    statuses, status = Counter[str](), rows.columns.index(STATUS)
    n_rows = 0
    with PredictionTable(out, file_kind(out, rows)) as table:
        for file, facts in shards:
            n_rows += facts.n_rows
            with regular(file).open("rb") as opened, _readable(file):
                for some in in_parts(file_kind(file, rows).read(opened)):
                    table.add_rows(some)
                    statuses.update(str(row[status]) for row in some)
            if table.n_rows != n_rows:
                raise DataError(f"{file} should have {facts.n_rows} rows; {REMEDY}")
        table.finish()
    return MergedPredictions(n_rows, dict(sorted(statuses.items())))


def _read_shards(files: Sequence[Path]) -> list[tuple[Path, ShardFacts]]:
    if not files:
        raise UsageError("no table of predictions was named to merge; name those of all shards")
    shards: dict[int, tuple[Path, ShardFacts]] = {}
    for file in files:
        facts = _read_facts(file)
        other, of_other = next(iter(shards.values()), (file, facts))
        for name, difference in DIFFERENCES.items():
            if getattr(facts, name) != getattr(of_other, name):
                raise IncompatibleArtifact(
                    f"{file} is a shard of {difference} than {other}; merge the shards of one and "
                    "the same command"
                )
        if facts.number in shards:
            twice = shards[facts.number][0]
            raise UsageError(f"{file} and {twice} are both shard {facts.number}; name one of them")
        shards[facts.number] = file, facts
    require_all_shards(shards, facts.n)
    return [shards[number] for number in range(1, facts.n + 1)]


def _read_facts(file: Path) -> ShardFacts:
    document = _document(file)
    if not document.exists():
        raise DataError(
            f"{document} is missing, which predict --shard writes beside its table {file} at the "
            "end; let that command finish, or copy the document too"
        )
    values, proof = read_document(document, SCHEMA, REMEDY)
    proof.find(file.name)
    try:
        return read_entries(ShardFacts, values)
    except ValueError as error:
        raise DataError(f"an entry of {document} cannot be read: {error}; {REMEDY}") from error


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except ValueError as error:  # also of pyarrow
        raise DataError(f"cannot read {file}: {error}; {REMEDY}") from error


def _document(file: Path) -> Path:
    return file.with_name(file.name + ENDING)
