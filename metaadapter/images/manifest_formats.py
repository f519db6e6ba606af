"""The records of a CSV, JSON lines or Parquet file as texts, each with its place in the file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from metaadapter.errors import DataError, MissingPackage

__all__ = ["Record", "read_csv", "read_jsonl", "read_parquet"]


class Record(NamedTuple):
    """One row: where it stands ("line 3") and the text under each column in lower case."""

    place: str
    values: Mapping[str, str]


def read_csv(path: Path) -> tuple[tuple[str, ...], list[Record]]:
    """Read a table separated by commas, semicolons or tabs: its columns and its records."""
    text = _text(path)
    header = text.strip().partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=header.count), strict=True)
    try:
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise DataError(
            f"expected a table in {path}, but line {reader.line_num} cannot be read: {error}; "
            "look for a quotation mark without its partner"
        ) from error
    (_, names), *rest = [line for line in lines if any(line[1])] or [(0, [])]
    columns = tuple(name.lower() for name in names)
    return columns, [
        Record(f"line {n}", dict(zip(columns, cells, strict=False))) for n, cells in rest
    ]


def read_jsonl(path: Path) -> tuple[tuple[str, ...], list[Record]]:
    """Read a file with one JSON object a line: all the columns that occur, and its records."""
    records = [
        Record(f"line {number}", _texts(_json_object(path, number, line)))
        for number, line in enumerate(_text(path).split("\n"), start=1)
        if line.strip()
    ]
    return tuple(dict.fromkeys(name for record in records for name in record.values)), records


def read_parquet(path: Path) -> tuple[tuple[str, ...], list[Record]]:
    """Read a Parquet file: its columns and its records."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingPackage(
            f"reading the Parquet manifest {path} needs the package pyarrow; install it with "
            "pip install 'metaadapter[parquet]', or save the table as CSV"
        ) from error
    try:
        table = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"expected a Parquet table in {path}, but: {error}") from error
    records = [
        Record(f"row {number}", _texts(values))
        for number, values in enumerate(table.to_pylist(), start=1)
    ]
    return tuple(name.strip().lower() for name in table.column_names), records


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"expected text in UTF-8 in {path}, but byte {error.start + 1} is not; save the table "
            "anew as 'CSV UTF-8'"
        ) from error


def _json_object(path: Path, number: int, line: str) -> dict[str, object]:
    example = 'expected a line such as {"path": "fox/1.jpg", "label": "fox"}'
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{example}, but line {number} of {path} is not JSON: {error.msg} at character "
            f"{error.pos + 1}"
        ) from error
    if not isinstance(value, dict):
        raise DataError(f"{example}, but line {number} of {path} is {line.strip()[:80]}")
    return value


def _texts(values: Mapping[str, object]) -> dict[str, str]:
    return {
        name.strip().lower(): "" if value is None else str(value).strip()
        for name, value in values.items()
    }
