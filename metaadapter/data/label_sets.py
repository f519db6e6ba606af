"""Pictures that show several classes: the labels of a table, one row for each picture."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int8

from metaadapter.data.table import CompactRows, ImageRow, ImageTable
from metaadapter.errors import DataError

SEPARATOR = ";"
SEPARATORS = re.compile(r"[;|]")
"""Any of these stands between the labels of one picture."""
ABSENT = "!"
"""A label that begins with this is one that the picture does not show."""
NO_LABEL = "none of these"
"""The cell of a picture that shows none of the classes; it is no label itself."""


class LabelCell(NamedTuple):
    """The labels that a picture has, and those that it is known not to have."""

    shown: frozenset[str]
    absent: frozenset[str] = frozenset()

    @classmethod
    def of(cls, text: str) -> LabelCell:
        """Read a cell such as "fox;lynx" or "fox | !lynx"."""
        labels = {part.strip() for part in SEPARATORS.split(text)} - {"", NO_LABEL}
        absent = frozenset(label[1:].strip() for label in labels if label.startswith(ABSENT))
        shown = frozenset(label for label in labels if not label.startswith(ABSENT))
        if both := sorted(shown & absent):
            raise DataError(
                f"expected each label to be shown or absent, but {text!r} has {both[0]!r} as both; "
                f"remove {both[0]!r} or {ABSENT + both[0]!r}"
            )
        return cls(shown, absent - {""})

    @property
    def text(self) -> str:
        """The cell in one spelling: sorted, with one separator."""
        absent = [f"{ABSENT}{label}" for label in sorted(self.absent)]
        return SEPARATOR.join([*sorted(self.shown), *absent]) or NO_LABEL


def shown_classes(cells: Iterable[str]) -> tuple[str, ...]:
    """Return the sorted labels that at least one of the pictures with these cells shows."""
    return tuple(sorted({label for cell in set(cells) for label in LabelCell.of(cell).shown}))


def hints(labels: Iterable[str]) -> list[str]:
    """Return a hint if a label of one class looks like several labels in one cell."""
    cell = next((label for label in labels if SEPARATORS.search(label)), None)
    if cell is None:
        return []
    return [
        f"the class {cell!r} looks like several labels in one cell; if a picture may show several "
        "classes, give --several"
    ]


def absent_warnings(cells: Sequence[str]) -> list[str]:
    """Return a warning for each label that pictures do not show (!fox) and no picture shows."""
    absent = {label for cell in {*cells} for label in LabelCell.of(cell).absent}
    return [
        f"{ABSENT + label!r} is ignored, as no picture shows {label!r}; leave it out, or correct it"
        for label in sorted(absent.difference(shown_classes(cells)))
    ]


def joined(cells: Iterable[str]) -> str:
    """Return one cell with the labels of all these cells of the same picture."""
    return LabelCell.of(SEPARATOR.join(cells)).text


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


@dataclass(frozen=True, slots=True, eq=False)
class LabelSets:
    """The labels of n pictures as a matrix with a column for each of C sorted classes."""

    classes: tuple[str, ...]
    shows_NC: Bool[np.ndarray, "n C"]
    absent_NC: Bool[np.ndarray, "n C"]
    """True where a picture is known not to show a class; the rest of the cells is not listed."""

    @classmethod
    def of(cls, cells: Sequence[str], classes: Sequence[str] | None = None) -> LabelSets:
        """Read cells; by default a class is a label that at least one picture shows."""
        read = [LabelCell.of(cell) for cell in cells]
        classes = shown_classes(cells) if classes is None else tuple(classes)
        shows_NC = np.array([[c in cell.shown for c in classes] for cell in read], bool)
        absent_NC = np.array([[c in cell.absent for c in classes] for cell in read], bool)
        shape = (len(read), len(classes))
        return cls(classes, shows_NC.reshape(shape), absent_NC.reshape(shape))

    def labels_NC(self, *, partial: bool) -> Int8[np.ndarray, "n C"]:
        """Return 1 where a picture shows a class, 0 where not, −1 where that is not known.

        With complete labels, a class that is not listed is absent.
        """
        unlisted = -1 if partial else 0
        return np.where(self.shows_NC, 1, np.where(self.absent_NC, 0, unlisted)).astype(np.int8)
