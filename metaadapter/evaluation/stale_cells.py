"""Which finished cells still say what would be found today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from metaadapter.evaluation.config import Cell
from metaadapter.evaluation.journal import CellResult

__all__ = ["missing_cells"]


def missing_cells(
    plan: Sequence[Cell],
    results: Mapping[Cell, CellResult],
    methods: Mapping[str, str],
    bench: str,
) -> tuple[list[Cell], list[str]]:
    """The cells that must be measured, and why some of them must be so again.

    Args:
        plan: All cells.
        results: What is there of them.
        methods: Today's identity of each method.
        bench: Today's identity of the program that measures.
    """
    missing = [cell for cell in plan if cell not in results]
    by_another = [cell for cell in plan if cell in results and results[cell].bench != bench]
    of_another = [
        cell
        for cell in plan
        if cell in results
        and results[cell].bench == bench
        and results[cell].method != methods[cell.method]
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
            f"{len(changed)} {have} changed ({', '.join(changed)}): {_cells(of_another)} measured "
            "again"
        )
    again = {*missing, *by_another, *of_another}
    return [cell for cell in plan if cell in again], reasons


def _cells(cells: Sequence[Cell]) -> str:
    return "1 cell is" if len(cells) == 1 else f"{len(cells)} cells are"
