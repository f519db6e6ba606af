"""Finished cells, one JSON line each: whatever ends a run, what it has finished is kept."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from metaadapter.errors import DataError
from metaadapter.evaluation.config import Cell
from metaadapter.evaluation.metrics import Tables

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
        content = path.read_bytes() if path.exists() else b""
        *lines, cut_off = content.split(b"\n")
        self._size = len(content) - len(cut_off)
        for number, line in enumerate(lines, start=1):
            try:
                values = json.loads(line)
                cell = Cell(*values["cell"])
                result = CellResult(cell, "", "", {})
                if "method" in values:
                    result = CellResult(cell, *(values[name] for name in CellResult._fields[1:]))
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(
                    f"line {number} of {path} is damaged ({error!r}); delete that line, and "
                    "the same command measures its cell anew"
                ) from error
            self.results[cell] = result

    def missing(
        self, plan: Sequence[Cell], methods: Mapping[str, str], bench: str
    ) -> tuple[list[Cell], list[str]]:
        """The cells that must be measured, and why some of them must be so again.

        Args:
            plan: All cells.
            methods: Today's identity of each method.
            bench: Today's identity of the program that measures.
        """
        there = [self.results[cell] for cell in plan if cell in self.results]
        by_another = [each.cell for each in there if each.bench != bench]
        of_another = [
            each.cell
            for each in there
            if each.bench == bench and each.method != methods[each.cell.method]
        ]
        reasons = []
        if by_another:
            reasons.append(
                "the program that draws, fits, answers and scores has changed: "
                f"{_cells(by_another)} measured again"
            )
        if changed := list(dict.fromkeys(cell.method for cell in of_another)):
            have = "method has" if len(changed) == 1 else "methods have"
            reasons.append(
                f"{len(changed)} {have} changed ({', '.join(changed)}): {_cells(of_another)} "
                "measured again"
            )
        again = {*by_another, *of_another}
        return [cell for cell in plan if cell in again or cell not in self.results], reasons

    @contextmanager
    def appending(self) -> Iterator[Journal]:
        """Open for `append`, the end cut back to the last whole line."""
        with self.path.open("ab") as self._file:
            os.truncate(self.path, self._size)
            yield self

    def append(self, result: CellResult) -> None:
        """Keep a result, for good."""
        self._file.write(json.dumps(result._asdict(), allow_nan=False).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.results[result.cell] = result


def _cells(cells: Sequence[Cell]) -> str:
    return "1 cell is" if len(cells) == 1 else f"{len(cells)} cells are"
