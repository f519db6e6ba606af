"""The list of `metaadapter ground` on stdout, which grows with each picture."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

from metaadapter.apps.cli.console import Console
from metaadapter.data.plain_text import in_csv, one_line

PICTURE = "picture"
NUMBERS = ("left", "top", "right", "bottom", "score")
WIDTH = 8


@final
class GroundingList:
    """Prints each box at once: in columns on a terminal, tab-separated elsewhere.

    Create it before a progress bar, which replaces `sys.stdout` while it is drawn.

    Args:
        console: The output of the command.
        paths: The paths of all pictures, for the width of the first column.
    """

    def __init__(self, console: Console, paths: Sequence[Path]) -> None:
        self._console, self._stream = console, sys.stdout
        self._is_table = console.stdout.is_terminal
        self._has_titles, self._width = False, 0
        if self._is_table:
            from rich.cells import cell_len

            names = [PICTURE, *(one_line(path) for path in paths)]
            self._width = max(map(cell_len, names))

    def add(self, entry: Mapping[str, Any]) -> None:
        """Print one picture, from its entry in the JSON document."""
        name = one_line(entry["path"])
        numbers = [f"{number:.3f}" for number in (*entry["box"], entry["score"])]
        if self._is_table:
            if not self._has_titles:
                self._print_columns(PICTURE, NUMBERS)
                self._has_titles = True
            self._print_columns(name, numbers)
            return
        writer = csv.writer(self._stream, "excel-tab", lineterminator="\n")
        writer.writerow([in_csv(name), *numbers])
        self._stream.flush()

    def _print_columns(self, name: str, numbers: Sequence[str]) -> None:
        from rich.cells import set_cell_size

        first = set_cell_size(name, self._width)
        self._console.result(first + "".join(number.rjust(WIDTH) for number in numbers))
