"""The finished cells of an evaluation, in the database of its folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import final

from metaadapter.bench.evaluation.cell import Cell, CellResult, Tables
from metaadapter.data.db import Database
from metaadapter.data.output_folder import write_errors
from metaadapter.data.strict_json import json_text
from metaadapter.data.user_code import changed_files

CELLS_FILE, PURPOSE, KIND = "cells.db", "the cells of an evaluation", "cell"
KEPT = "Finished cells are kept; the same command continues there"


def read_cells(folder: Path) -> dict[Cell, CellResult]:
    """Return the finished cells of an evaluation; `DataError` if their file is damaged."""
    with Database(folder / CELLS_FILE, PURPOSE, writes=False) as database:
        return _results(database)


def _results(database: Database) -> dict[Cell, CellResult]:
    results = (CellResult(**value) for value in database.latest(KIND).values())
    return {(cell := Cell(*result.cell)): result._replace(cell=cell) for result in results}


@final
class FinishedCells:
    """Finished cells in a database that is open for writing; the last result of a cell counts."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.results = _results(database)

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
        """Measure the cells that `missing` returns, write each one at once, return their number.

        `tell` is called with the number of finished cells and the number of cells to measure, and
        `note` with each reason why cells are measured again.
        """
        missing, reasons = self.missing(cells, methods, bench)
        for reason in reasons:
            note(reason)
        tell(0, len(missing))
        for number, (cell, tables) in enumerate(measure(missing), start=1):
            self.append(CellResult(cell, methods[cell.method], bench, tables))
            tell(number, len(missing))
        return len(missing)

    def missing(
        self, cells: Sequence[Cell], methods: Mapping[str, str], bench: str
    ) -> tuple[list[Cell], list[str]]:
        """Return the cells to measure, and the reasons why some of them are measured again.

        `methods` (name → identity) and `bench` are the present identities of methods and code.
        """
        of_old_program, of_old_method, files = list[Cell](), list[Cell](), set[str]()
        for result in (self.results[cell] for cell in cells if cell in self.results):
            changed = changed_files(result.files)
            if result.bench != bench:
                of_old_program.append(result.cell)
            elif changed or result.method != methods[result.cell.method]:
                of_old_method.append(result.cell)
                files.update(changed)
        reasons = []
        if of_old_program:
            reasons.append(
                "the program that draws, fits, answers and scores has changed: "
                f"{_count(of_old_program)} measured again"
            )
        if of_old_method:
            names = list(dict.fromkeys(cell.method for cell in of_old_method))
            have = "method has" if len(names) == 1 else "methods have"
            listed = ", ".join(names + [f"reads {file}" for file in sorted(files)])
            reasons.append(
                f"{len(names)} {have} changed ({listed}): {_count(of_old_method)} measured again"
            )
        again = {*of_old_program, *of_old_method}
        return [cell for cell in cells if cell in again or cell not in self.results], reasons

    def append(self, result: CellResult) -> None:
        """Write a result to the disk; raise `DataError` if that fails."""
        with write_errors(f"the evaluation {self._database.path.parent}", KEPT):
            self._database.add(KIND, json_text(result.cell), result._asdict())
        self.results[result.cell] = result


def _count(cells: Sequence[Cell]) -> str:
    return "1 cell is" if len(cells) == 1 else f"{len(cells)} cells are"
