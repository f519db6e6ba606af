"""The cells of an evaluation, and the finished ones in the database of its folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, final

from metaadapter.bench.evaluation.metrics import Tables
from metaadapter.files.db import Database
from metaadapter.files.output_folder import write_errors
from metaadapter.files.strict_json import json_text
from metaadapter.files.user_code import is_user_code

CELLS_FILE, PURPOSE, KIND = "cells.db", "the cells of an evaluation", "cell"
KEPT = "Finished cells are kept; the same command continues there"
PROGRAM = "the program that draws, fits, answers and scores"


class Cell(NamedTuple):
    """One method on one draw of a set at one number of shots; the key of its result."""

    method: str
    store: str
    """Name of the set, or of the sequence of sets."""
    n_shot: int
    seed: int

    def __str__(self) -> str:
        return f"{self.method} on {self.store}, {self.n_shot} shot(s), seed {self.seed}"


class CellResult(NamedTuple):
    """The figures of a cell, with the identities of the method and the code that gave them."""

    cell: Cell
    method: str
    """Identity of the method."""
    bench: str
    """Identity of the code that measured the cell."""
    tables: Tables


@final
class FinishedCells:
    """Finished cells in a database that is open for writing; the last result of a cell counts."""

    def __init__(self, database: Database) -> None:
        self._database = database
        results = (CellResult(**value) for value in database.latest(KIND).values())
        self.results = {
            (cell := Cell(*result.cell)): result._replace(cell=cell) for result in results
        }

    def measure_missing(
        self,
        cells: Sequence[Cell],
        methods: Mapping[str, str],
        bench: str,
        measure: Callable[[Sequence[Cell]], Iterable[tuple[Cell, Tables]]],
        *,
        tell: Callable[[int, int], None],
        note: Callable[[str], None],
    ) -> int:
        """Measure the cells that are missing or stale, keep each one at once, return their number.

        `methods` (name → identity) and `bench` are the present identities of methods and code.
        `tell` is called with the number of finished cells and the number of cells to measure, and
        `note` with the reason why cells are measured again.
        """
        reasons = {
            result.cell: reason
            for result in (self.results[cell] for cell in cells if cell in self.results)
            if (reason := _reason(result, methods[result.cell.method], bench))
        }
        if reasons:
            changed = ", ".join(dict.fromkeys(reasons.values()))
            again = "1 cell is" if len(reasons) == 1 else f"{len(reasons)} cells are"
            note(f"{again} measured again, because of changes in {changed}")
        missing = [cell for cell in cells if cell in reasons or cell not in self.results]
        kept = {cell.method for cell in {*cells} - {*missing} if is_user_code(cell.method)}
        if kept:
            note(
                f"finished cells of {', '.join(sorted(kept))} are kept; if a file that these read "
                "has changed, evaluate into another --out"
            )
        tell(0, len(missing))
        for number, (cell, tables) in enumerate(measure(missing), start=1):
            self.append(CellResult(cell, methods[cell.method], bench, tables))
            tell(number, len(missing))
        return len(missing)

    def append(self, result: CellResult) -> None:
        """Write a result to the disk; raise `DataError` if that fails."""
        with write_errors(f"the evaluation {self._database.path.parent}", KEPT):
            self._database.add(KIND, json_text(result.cell), result._asdict())
        self.results[result.cell] = result


def _reason(result: CellResult, method: str, bench: str) -> str:
    """Return what has changed since the cell was measured; "" if nothing has."""
    if result.bench != bench:
        return PROGRAM
    return result.cell.method if result.method != method else ""
