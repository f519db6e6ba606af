"""Files that hold rows of predictions, as CSV or JSON lines."""

from __future__ import annotations

import csv
import io
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, ClassVar

from metaadapter.data.plain_text import csv_bytes, from_csv
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.workflow.prediction_rows import Cell, Row, RowFormat


class RowFile(ABC):
    """Turns rows into bytes, part by part, so that a file only grows, and reads them back.

    Such a file is a head and its parts.
    """

    is_final: ClassVar[bool] = True
    """Whether the head and the parts are the file; if not, `convert` makes the file from them."""

    def __init__(self, rows: RowFormat) -> None:
        self.rows = rows

    @property
    def head(self) -> bytes:
        """The bytes before the rows of the first part."""
        return b""

    @abstractmethod
    def pack(self, rows: Iterable[Row]) -> bytes:
        """Return the bytes of a part."""

    @abstractmethod
    def read(self, file: IO[bytes]) -> Iterator[Row]:
        """Yield the rows of a file that `write` wrote, or of a head and parts, from the start.

        Numbers are exactly those that were written. Other columns are a `ValueError`.
        """

    def write(self, file: IO[bytes], parts: Iterable[Sequence[Row]]) -> None:
        """Write a whole file."""
        file.write(self.head)
        for part in parts:
            file.write(self.pack(part))

    def convert(self, grown: IO[bytes], file: IO[bytes]) -> None:
        """Write the file of the head and the parts that are in `grown`."""
        shutil.copyfileobj(grown, file)


class CsvFile(RowFile):
    """CSV in UTF-8 with a line of names; an unknown value is empty, a flag is `yes` or empty."""

    @property
    def head(self) -> bytes:
        """The line of names."""
        return csv_bytes([self.rows.columns])

    def pack(self, rows: Iterable[Row]) -> bytes:
        """Return one line for each row."""
        flag = self.rows.columns.index("unfamiliar")
        lines = ([*row[:flag], "yes" if row[flag] else "", *row[flag + 1 :]] for row in rows)
        return csv_bytes(lines)

    def read(self, file: IO[bytes]) -> Iterator[Row]:
        """Yield the rows, whose numbers are exactly those that were written."""
        text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
        try:
            lines = csv.reader(text)
            names = next(lines, [])
            if tuple(map(from_csv, names)) != self.rows.columns:
                raise ValueError(f"expected the columns {', '.join(self.rows.columns)}")
            for line in lines:
                yield [
                    _value(from_csv(cell), kind)
                    for cell, kind in zip(line, self.rows.kinds, strict=True)
                ]
        finally:
            text.detach()  # the caller closes the file


class JsonLinesFile(RowFile):
    """One JSON object per line, with the columns as keys; an unknown value is null."""

    def pack(self, rows: Iterable[Row]) -> bytes:
        """Return one line for each row."""
        columns = self.rows.columns
        lines = (json_text(dict(zip(columns, row, strict=True))) + "\n" for row in rows)
        return "".join(lines).encode()

    def read(self, file: IO[bytes]) -> Iterator[Row]:
        """Yield the rows."""
        for line in file:
            values = parse_json(line)
            if tuple(values) != self.rows.columns:
                raise ValueError(f"expected the keys {', '.join(self.rows.columns)}")
            yield list(values.values())


def _value(text: str, kind: type[str | float | bool | int]) -> Cell:
    if kind is bool:
        return bool(text)
    return kind(text) if text else None
