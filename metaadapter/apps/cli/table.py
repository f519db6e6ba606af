"""Tables on stdout: for people where there is a terminal, tab-separated for programs."""

from __future__ import annotations

import csv
import sys
from collections.abc import Collection, Sequence

from metaadapter.apps.cli.console import Console
from metaadapter.data.plain_text import in_csv, one_line


def print_table(
    console: Console,
    titles: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: Collection[str] = (),
) -> None:
    """Print rows under titles; without a terminal the rows alone, with names that are no formulas.

    Args:
        console: The voice of the command.
        titles: Of the columns.
        rows: One cell a column; a float is shown to four digits.
        right: The titles of columns of numbers.
    """
    if not console.stdout.is_terminal:
        writer = csv.writer(sys.stdout, "excel-tab", lineterminator="\n")
        writer.writerows([_inert(cell) for cell in row] for row in rows)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in titles:
        table.add_column(title, justify="right" if title in right else "left", overflow="fold")
    for row in rows:
        cells = (f"{cell:,}" if isinstance(cell, int) else _shown(cell) for cell in row)
        table.add_row(*(Text(one_line(cell)) for cell in cells))
    console.stdout.print(table)


def _shown(cell: object) -> str:
    return f"{cell:.4f}" if isinstance(cell, float) else str(cell)


def _inert(cell: object) -> str:
    """A cell of a table for programs; a negative number is no formula, but itself."""
    shown = _shown(cell)
    return shown if isinstance(cell, float) else in_csv(one_line(shown))
