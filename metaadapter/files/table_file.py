"""Tables for people and other programs: CSV, JSON lines or Parquet, by the ending of the file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeAlias

from metaadapter.files.output_folder import write_output
from metaadapter.files.plain_text import in_csv
from metaadapter.files.strict_json import json_text

Cell: TypeAlias = "str | float | int | bool | None"
Row: TypeAlias = "Sequence[object]"
"""The cells of a row, in the order of the columns; None for a value that is unknown."""
ROWS_AT_ONCE = 1024
# About 8 MB of numbers; Parquet reads and compresses a group of rows at a time.
CELLS_IN_A_GROUP, MOST_ROWS_IN_A_GROUP = 2**20, 2**16


class Column(NamedTuple):
    """The name of a column, and the kind of its values."""

    name: str
    kind: type[str | float | int | bool] | None = str
    """None for texts that another program needs as they are, even if they look like formulas."""


def write_table(
    file: Path, columns: Iterable[Column | str], rows: Iterable[Row], *, title: str = "table"
) -> None:
    r"""Replace a table in one step, or write it through to a stream.

    In CSV an unknown value is empty, a flag is `yes` or empty, and a text that looks like a formula
    gets an apostrophe; in the other two an unknown value is null. Any ending but `.jsonl` and
    `.parquet` means CSV. Bytes of a file name that are no text become `\udce9` in Parquet, which
    has only Unicode. `title` enters the metadata of Parquet.
    """
    write_output(file, table_content(file.suffix.lower(), columns, rows, title=title))


def table_content(
    ending: str, columns: Iterable[Column | str], rows: Iterable[Row], *, title: str = "table"
) -> Callable[[IO[bytes]], None]:
    """Return a function that writes a table once, in the form of files with this ending."""
    write = _write_csv
    if ending == ".jsonl":
        write = _write_json_lines
    elif ending == ".parquet":
        write = partial(_write_parquet, title)
    return partial(write, _with_kinds(columns), rows)


def csv_table(columns: Iterable[Column | str], rows: Iterable[Row]) -> bytes:
    """Return a table as CSV, as `write_table` writes it."""
    content = io.BytesIO()
    table_content(".csv", columns, rows)(content)
    return content.getvalue()


def _with_kinds(columns: Iterable[Column | str]) -> list[Column]:
    return [Column(column) if isinstance(column, str) else column for column in columns]


def _write_csv(columns: Sequence[Column], rows: Iterable[Row], file: IO[bytes]) -> None:
    texts = [place for place, column in enumerate(columns) if column.kind is str]
    flags = [place for place, column in enumerate(columns) if column.kind is bool]

    def lines() -> Iterator[Row]:
        for row in rows:
            line = [*row]
            for place in texts:
                line[place] = in_csv(line[place])
            for place in flags:
                line[place] = "yes" if line[place] else ""
            yield line

    text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
    writer = csv.writer(text)
    writer.writerow(in_csv(column.name) for column in columns)
    writer.writerows(lines())
    text.flush()
    text.detach()


def _write_json_lines(columns: Sequence[Column], rows: Iterable[Row], file: IO[bytes]) -> None:
    names = [column.name for column in columns]
    for row in rows:
        file.write(json_text(dict(zip(names, row, strict=True))).encode() + b"\n")


def _write_parquet(
    title: str, columns: Sequence[Column], rows: Iterable[Row], file: IO[bytes]
) -> None:
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    types: dict[Any, Any] = {str: pyarrow.string(), None: pyarrow.string()}
    types |= {float: pyarrow.float64(), bool: pyarrow.bool_(), int: pyarrow.int64()}
    fields = [(_in_unicode(column.name), types[column.kind]) for column in columns]
    schema = pyarrow.schema(fields, metadata={"metaadapter": f"metaadapter.{title}/1"})
    n_rows = min(max(CELLS_IN_A_GROUP // len(columns), 1), MOST_ROWS_IN_A_GROUP)
    with ParquetWriter(file, schema) as writer:
        rest = iter(rows)
        while part := list(islice(rest, n_rows)):
            arrays = [
                pyarrow.array(
                    map(_in_unicode, cells) if column.kind in (str, None) else cells, field.type
                )
                for column, field, cells in zip(
                    columns, schema, zip(*part, strict=True), strict=True
                )
            ]
            writer.write_batch(pyarrow.record_batch(arrays, schema=schema))


def _in_unicode(cell: Any) -> Any:
    return cell.encode(errors="backslashreplace").decode() if isinstance(cell, str) else cell
