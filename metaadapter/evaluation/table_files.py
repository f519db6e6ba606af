"""Tidy rows as CSV and Parquet files."""

from __future__ import annotations

import csv
import io
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, TextIO

from metaadapter.atomic_files import replace_file
from metaadapter.errors import DataError

__all__ = ["Row", "read_table", "write_table"]

Row = dict[str, Any]
"""Column → value; None where there is none."""

TEXTS = {"method", "store", "part", "class", "true", "predicted", "path", "sha256"}
WHOLE_NUMBERS = {
    *("n_shot", "seed", "task", "n_way", "n_query", "trained_parameters"),
    *("support", "count", "bin", "n"),
}


def write_table(
    path: Path, rows: Sequence[Row], *, columns: Sequence[str] = (), parquet: bool = False
) -> None:
    """Write a CSV file and, if asked for and pyarrow is there, a Parquet file beside it.

    Args:
        path: Of the CSV file.
        rows: With the same columns.
        columns: What the head line names if there are no rows.
        parquet: Whether a Parquet file is wanted.
    """
    replace_file(path, lambda file: _write_csv(file, rows, list(rows[0] if rows else columns)))
    if parquet and rows:
        try:
            import pyarrow
            from pyarrow import parquet as files
        except ImportError:
            return
        table = pyarrow.Table.from_pylist(list(rows))
        replace_file(path.with_suffix(".parquet"), lambda file: files.write_table(table, file))


def read_table(path: Path, **wanted: Container[str]) -> list[Row]:
    """Read what `write_table` wrote: numbers as numbers, None where a cell is empty.

    Args:
        path: Of the CSV file.
        wanted: Column → its values, as they are written, of the rows to read; a table of all
            confusions of a thousand classes is not for the memory.

    Raises:
        DataError: There is no such table, or it is damaged.
    """
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            return [
                {name: _value(name, text) for name, text in row.items()}
                for row in _rows(file)
                if all(row[name] in values for name, values in wanted.items())
            ]
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(
            f"cannot read the table {path}: {error}; the command `metaadapter evaluate` of its "
            "folder, given again, writes it anew"
        ) from error


def _rows(file: TextIO) -> Iterator[dict[str, str]]:
    lines = csv.DictReader(file)
    for row in lines:
        if None in row or None in row.values():
            raise ValueError(f"line {lines.line_num} has another number of columns than line 1")
        yield row


def _value(name: str, text: str) -> Any:
    if name in TEXTS:
        return text
    if text == "":
        return None
    return int(text) if name in WHOLE_NUMBERS else float(text)


def _write_csv(file: IO[bytes], rows: Sequence[Row], columns: Sequence[str]) -> None:
    text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
    lines = csv.DictWriter(text, columns)
    lines.writeheader()
    lines.writerows(rows)
    text.detach()
