"""Pictures that show several classes: the labels of a table, one row for each picture."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from metaadapter.data.table import CompactRows, ImageRow, ImageTable

SEPARATOR = ";"
SEPARATORS = re.compile(r"[;|]")
"""Any of these stands between the labels of one picture."""
NO_LABEL = "none of these"
"""The cell of a picture that shows none of the classes; it is no label itself."""


def labels_in(cell: str) -> frozenset[str]:
    """Return the labels in a cell such as "fox;lynx" or "fox | lynx"."""
    return frozenset({part.strip() for part in SEPARATORS.split(cell)} - {"", NO_LABEL})


def label_cell(labels: Iterable[str]) -> str:
    """Return one cell with these labels, sorted."""
    return SEPARATOR.join(sorted(labels)) or NO_LABEL


def shown_classes(cells: Iterable[str]) -> tuple[str, ...]:
    """Return the sorted labels that at least one of the pictures with these cells shows."""
    return tuple(sorted({label for cell in set(cells) for label in labels_in(cell)}))


def hints(labels: Iterable[str]) -> list[str]:
    """Return a hint if a label of one class looks like several labels in one cell."""
    cell = next((label for label in labels if SEPARATORS.search(label)), None)
    if cell is None:
        return []
    return [
        f"the class {cell!r} looks like several labels in one cell; if a picture may show several "
        "classes, give --several"
    ]


def joined(cells: Iterable[str]) -> str:
    """Return one cell with the labels of all these cells of the same picture."""
    return label_cell(labels_in(SEPARATOR.join(cells)))


def one_row_per_picture(table: ImageTable) -> ImageTable:
    """Return the table with one row for each whole picture, which has the labels of all its rows.

    A manifest may name a picture in several rows; a file of boxes has a row for each box.
    """
    first: dict[object, ImageRow] = {}
    cells: dict[object, list[str]] = {}
    for row in table.rows:
        first.setdefault(row.file, row)
        cells.setdefault(row.file, []).append(row.label or "")
    rows = CompactRows(
        replace(row, label=joined(cells[file]), box=None) for file, row in first.items()
    )
    return replace(table, rows=rows)


def shows_matrix(cells: Sequence[str], classes: Sequence[str]) -> Bool[np.ndarray, "n C"]:
    """Return whether the pictures with these cells show the classes."""
    shown = [labels_in(cell) for cell in cells]
    matrix = np.array([[label in labels for label in classes] for labels in shown], bool)
    return matrix.reshape(len(cells), len(classes))
