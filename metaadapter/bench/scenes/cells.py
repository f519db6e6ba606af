"""What an unfinished study has measured: one line for each method, number of shots and draw."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from metaadapter.bench.scenes.figures import Figures
from metaadapter.data.output_folder import require_no_link
from metaadapter.data.regular_files import is_regular, regular
from metaadapter.data.strict_json import json_text, parse_json


class Cell(NamedTuple):
    """One fit and its answers."""

    method: str
    n_shot: int
    draw: int


class CellFile:
    """A file of cells that grows; cells of the same study are there again after an interruption.

    Args:
        path: The file.
        study: Changes with anything that figures depend on; cells of another study are dropped.
    """

    def __init__(self, path: Path, study: str) -> None:
        require_no_link(path)
        self._path = path
        self._head = json_text({"schema": "metaadapter.study_cells/1", "study": study}) + "\n"
        self.cells = self._of_before()
        lines = (_line(cell, figures) for cell, figures in self.cells.items())
        path.write_text(self._head + "".join(lines), encoding="utf-8")

    def add(self, cell: Cell, figures: Figures) -> None:
        """Keep the figures of a cell."""
        self.cells[cell] = figures
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(cell, figures))

    def _of_before(self) -> dict[Cell, Figures]:
        if not is_regular(self._path):
            return {}
        head, *lines = regular(self._path).read_bytes().splitlines(keepends=True) or [b""]
        if head != self._head.encode():
            return {}
        found: dict[Cell, Figures] = {}
        for line in lines:
            try:
                values = parse_json(line)
                found[Cell(*values["cell"])] = Figures.of_dict(values["figures"])
            except (KeyError, TypeError, ValueError, AttributeError):  # cut off by a kill
                return found
        return found


def _line(cell: Cell, figures: Figures) -> str:
    return json_text({"cell": [*cell], "figures": figures.to_dict()}) + "\n"
