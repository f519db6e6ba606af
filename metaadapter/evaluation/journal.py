"""Finished cells, one JSON line each: whatever ends a run, what it has finished is kept."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metaadapter.errors import DataError
from metaadapter.evaluation.config import Cell
from metaadapter.evaluation.part_result import PartResult

__all__ = ["CellResult", "Journal"]


@dataclass(frozen=True, slots=True)
class CellResult:
    """What was found for a cell."""

    cell: Cell
    parts: dict[str, PartResult]
    """"all", or "base" and "new"; none if the method broke the rules."""
    fault: str | None = None
    """How the method reached for labels of queries, if it did."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        parts = {name: part.to_dict() for name, part in self.parts.items()}
        return {"cell": self.cell, "parts": parts, "fault": self.fault}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CellResult:
        """Read the JSON form."""
        parts = {name: PartResult.from_dict(part) for name, part in values["parts"].items()}
        return cls(Cell(*values["cell"]), parts, values["fault"])


class Journal:
    """A file of JSON lines that only grows; a line cut off at its end never counted."""

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
        self._file.write(json.dumps(result.to_dict(), allow_nan=False).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.results[result.cell] = result

    def _read(self, content: bytes) -> None:
        lines = content.split(b"\n")
        for number, line in enumerate(lines[:-1], start=1):
            try:
                result = CellResult.from_dict(json.loads(line))
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(
                    f"line {number} of {self.path} is damaged ({error!r}); delete that line, and "
                    "the same command measures its cell anew"
                ) from error
            self.results[result.cell] = result
        self._size = len(content) - len(lines[-1])
