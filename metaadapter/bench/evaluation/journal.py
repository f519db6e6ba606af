"""The journal of an evaluation: one line of JSON for each finished cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

from metaadapter.bench.evaluation.cell import Cell, CellResult, Tables
from metaadapter.data.checksums import sealed, unsealed
from metaadapter.data.journal import Journal
from metaadapter.data.opened_files import changed_files
from metaadapter.data.output_folder import write_errors

JOURNAL_FILE = "journal.jsonl"
KEPT = "Finished cells are kept; the same command continues there"
REMEDY = "restore it from a copy, or measure again into another folder"


@final
class CellJournal:
    """Finished cells in a file that only grows; if a cell has several lines, the last counts."""

    def __init__(self, path: Path, head: Any = None) -> None:
        """Read the file, if it exists and has this head.

        Raise `DataError` if any line but the last is damaged.
        """
        self.results: dict[Cell, CellResult] = {}
        self.file = Journal(path, head)
        self.file.read(
            self._enter, "delete that line, and the same command measures its cell again"
        )

    def _enter(self, values: dict[str, Any]) -> None:
        values, _ = unsealed(values)
        cell = Cell(*values["cell"])
        self.results[cell] = CellResult(cell, *(values[name] for name in CellResult._fields[1:]))

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
        kept = [self.results[cell] for cell in cells if cell in self.results]
        of_old_program = [result.cell for result in kept if result.bench != bench]
        of_old_method, files = list[Cell](), set[str]()
        for result in kept:
            changed = changed_files(result.files)
            if result.bench == bench and (changed or result.method != methods[result.cell.method]):
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
        with write_errors(f"the evaluation {self.file.path.parent}", KEPT):
            self.file.append(sealed(result._asdict()))
        self.results[result.cell] = result


def _count(cells: Sequence[Cell]) -> str:
    return "1 cell is" if len(cells) == 1 else f"{len(cells)} cells are"
