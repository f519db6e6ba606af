"""The list of `metaadapter ground` on stdout, which grows picture by picture."""

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
class FoundList:
    """Tells each finding at once: in columns on a terminal, tab-separated elsewhere.

    It is to be made before a bar of progress, which replaces `sys.stdout` while it is drawn.

    Args:
        console: The voice of the command.
        paths: Of all pictures, for the width of the first column.
    """

    def __init__(self, console: Console, paths: Sequence[Path]) -> None:
        self._console, self._stream = console, sys.stdout
        self._is_table = console.stdout.is_terminal
        self._is_titled, self._width = False, 0
        if self._is_table:
            from rich.cells import cell_len

            names = [PICTURE, *(one_line(path) for path in paths)]
            self._width = max(map(cell_len, names))

    def add(self, found: Mapping[str, Any]) -> None:
        """Tell of one picture, as its entry in the JSON document says it."""
        name = one_line(found["path"])
        numbers = [f"{number:.3f}" for number in (*found["box"], found["score"])]
        if self._is_table:
            if not self._is_titled:
                self._line(PICTURE, NUMBERS)
                self._is_titled = True
            self._line(name, numbers)
            return
        lines = csv.writer(self._stream, "excel-tab", lineterminator="\n")
        lines.writerow([in_csv(name), *numbers])
        self._stream.flush()

    def _line(self, name: str, numbers: Sequence[str]) -> None:
        from rich.cells import set_cell_size

        first = set_cell_size(name, self._width)
        self._console.result(first + "".join(each.rjust(WIDTH) for each in numbers))
