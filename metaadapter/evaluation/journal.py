"""Finished cells, one JSON line each: whatever ends a run, what it has finished is kept."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from metaadapter.errors import DataError
from metaadapter.evaluation.cell_tables import Tables
from metaadapter.evaluation.config import Cell

__all__ = ["CellResult", "Journal"]


class CellResult(NamedTuple):
    """What was found for a cell, and by what."""

    cell: Cell
    method: str
    """Identity of the method; "" of a cell that an earlier version measured."""
    bench: str
    """Identity of the program that measured it."""
    tables: Tables


class Journal:
    """A file of JSON lines that only grows; a line cut off at its end never counted.

    Of several lines of one cell the last one counts.
    """

    def __init__(self, path: Path) -> None:
        """Read what is there.

        Raises:
            DataError: A line other than the last is damaged.
        """
        self.path = path
        self.results: dict[Cell, CellResult] = {}
        self._size = 0
        if path.exists():
            self._read(path.read_bytes())

    @contextmanager
    def appending(self) -> Iterator[Journal]:
        """Open for `append`, the end cut back to the last whole line."""
        self._file = self.path.open("ab")
        with self._file:
            os.truncate(self.path, self._size)
            yield self

    def append(self, result: CellResult) -> None:
        """Keep a result, for good."""
        self._file.write(json.dumps(result._asdict(), allow_nan=False).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.results[result.cell] = result

    def _read(self, content: bytes) -> None:
        lines = content.split(b"\n")
        for number, line in enumerate(lines[:-1], start=1):
            try:
                result = _from_dict(json.loads(line))
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(
                    f"line {number} of {self.path} is damaged ({error!r}); delete that line, and "
                    "the same command measures its cell anew"
                ) from error
            self.results[result.cell] = result
        self._size = len(content) - len(lines[-1])


def _from_dict(values: dict[str, Any]) -> CellResult:
    cell = Cell(*values["cell"])
    if "method" not in values:
        return CellResult(cell, "", "", {})
    return CellResult(cell, values["method"], values["bench"], values["tables"])
