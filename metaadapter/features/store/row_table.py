"""The row table of a feature store, with the picture and view of each row of features."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from jaxtyping import Int

from metaadapter.data.regular_files import regular
from metaadapter.errors import DataError

REMEDY = "restore it from a copy, or run the same `metaadapter encode` with a new --out"


class StoredPicture(NamedTuple):
    """The facts about a picture in the table; "" stands for an unknown fact."""

    path: str
    label: str
    split: str
    group: str
    sha256: str


COLUMNS = ("picture", "view", *StoredPicture._fields)
NUMBERS, ALL_DIFFER = ("picture", "view"), ("path", "sha256")


@dataclass(frozen=True, slots=True, eq=False)
class StoreRows:
    """Aligned columns, one entry per row of features; "" stands for an unknown fact.

    All pictures have the same number of views, in successive rows, the whole picture first.
    """

    picture: Int[np.ndarray, " rows"]
    view: Int[np.ndarray, " rows"]
    path: np.ndarray
    label: np.ndarray
    split: np.ndarray
    group: np.ndarray
    sha256: np.ndarray

    @classmethod
    def read(cls, path: Path) -> StoreRows:
        """Read a table that `write_rows` wrote; `DataError` for other columns or broken lines."""
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
            entries = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
            return cls(*map(_array, COLUMNS, entries))
        except (csv.Error, ValueError) as error:
            raise DataError(
                f"{path} should be a table with the columns {', '.join(COLUMNS)}; it is damaged "
                f"or was edited ({error}): {REMEDY}"
            ) from error

    def __len__(self) -> int:
        return len(self.view)

    def has_views(self, n_views: int) -> bool:
        """Return whether pictures are numbered from 0, each with all its views in order."""
        numbers = np.arange(len(self))
        return np.array_equal(self.picture, numbers // n_views) and np.array_equal(
            self.view, numbers % n_views
        )

    def pictures(self) -> list[StoredPicture]:
        """Return the pictures in the order of the table."""
        first = self.view == 0
        columns = (getattr(self, name)[first] for name in StoredPicture._fields)
        return list(map(StoredPicture, *columns))


def _array(name: str, entries: Sequence[str]) -> np.ndarray:
    if name in NUMBERS:
        return np.fromiter(map(int, entries), np.int64, len(entries))
    column = np.empty(len(entries), dtype=object)
    # Labels and splits repeat millions of times, so equal ones share one object.
    column[:] = entries if name in ALL_DIFFER else list(map(sys.intern, entries))
    return column


def write_rows(file: IO[bytes], pictures: Sequence[StoredPicture], n_views: int) -> None:
    """Write the table of pictures with `n_views` rows each, as CSV in UTF-8 with a header."""
    # A file name with undecodable bytes is read back as the same bytes.
    text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
    lines = csv.writer(text)
    lines.writerow(COLUMNS)
    lines.writerows(
        (number, view, *picture)
        for number, picture in enumerate(pictures)
        for view in range(n_views)
    )
    text.detach()
