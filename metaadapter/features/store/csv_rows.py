"""The row table of stores of earlier versions, in CSV with a line per row of features."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from metaadapter.data.regular_files import regular
from metaadapter.errors import DataError
from metaadapter.features.store.checked_file import Index
from metaadapter.features.store.columns import Column, NumberedColumn, numbered_texts
from metaadapter.features.store.row_table import FIELDS, NUMBERED, REMEDY, StoreRows

COLUMNS = ("picture", "view", *FIELDS)


class _Texts:
    """A column in memory."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = np.array([*texts, None], dtype=object)[:-1]

    def __len__(self) -> int:
        return len(self._texts)

    def at(self, index: Index) -> np.ndarray:
        return np.atleast_1d(self._texts[index])


def read_csv(path: Path, n_pictures: int, n_views: int) -> StoreRows:
    """Read the table of a store of an earlier version; `DataError` for another table."""
    try:
        with regular(path).open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            lines = csv.reader(file)
            names = tuple(next(lines, ()))
            rows = list(map(tuple, lines))
        if names != COLUMNS:
            raise ValueError(f"its columns are {', '.join(names) or 'none'}")
        for number, row in enumerate(rows, start=2):
            if len(row) != len(COLUMNS):
                raise ValueError(f"row {number} has {len(row)} entries")
        expected = [divmod(row, n_views) for row in range(n_pictures * n_views)]
        if [(int(row[0]), int(row[1])) for row in rows] != expected:
            raise ValueError(
                f"store.json says it has {n_pictures} pictures with {n_views} views each, but it "
                "has others"
            )
    except (csv.Error, ValueError) as error:
        raise DataError(
            f"{path} should be a table with the columns {', '.join(COLUMNS)}; it is damaged or "
            f"was edited ({error}): {REMEDY}"
        ) from error
    first = rows[::n_views]
    columns = {
        name: _column(name, [row[place] for row in first])
        for place, name in enumerate(COLUMNS)
        if name in FIELDS
    }
    return StoreRows(columns, n_pictures, n_views)


def _column(name: str, texts: list[str]) -> Column:
    if name not in NUMBERED:
        return _Texts(texts)
    return NumberedColumn(*numbered_texts(texts))
