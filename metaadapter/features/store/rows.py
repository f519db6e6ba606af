"""The row table of a feature store: which picture and view each row of features belongs to."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from jaxtyping import Int

from metaadapter.errors import DataError
from metaadapter.features.store.folder import REMEDY
from metaadapter.images import ImageRow

__all__ = ["StoreRows", "StoredPicture"]


class StoredPicture(NamedTuple):
    """What the table says of a picture; an empty string where nothing is known."""

    path: str
    label: str
    split: str
    group: str
    sha256: str

    @classmethod
    def of(cls, row: ImageRow, sha256: str) -> StoredPicture:
        """A picture that was read, with its content hash."""
        return cls(str(row.path), row.label or "", row.split or "", row.group or "", sha256)


@dataclass(frozen=True, slots=True, eq=False)
class StoreRows:
    """Aligned columns, one entry per row of features.

    The views of a picture follow one another, the centre view first; every picture has as many.

    Attributes:
        picture: Number of the picture in this store, from 0.
        view: 0 is the centre view, then random crops.
        path: As it was given to `encode`.
        label: Class of the picture, "" if it has none.
        split: For instance "train", "" if there is none.
        group: Pictures that must stay on one side of a split, "" if there is none.
        sha256: Hash of the file's bytes.
    """

    picture: Int[np.ndarray, " rows"]
    view: Int[np.ndarray, " rows"]
    path: np.ndarray
    label: np.ndarray
    split: np.ndarray
    group: np.ndarray
    sha256: np.ndarray

    @classmethod
    def of_pictures(cls, pictures: Sequence[StoredPicture], n_views: int) -> StoreRows:
        """Give each picture `n_views` rows."""
        text = np.array(pictures, dtype=object).reshape(len(pictures), len(StoredPicture._fields))
        numbers = np.arange(len(pictures))
        return cls(
            np.repeat(numbers, n_views),
            np.tile(np.arange(n_views), len(pictures)),
            *np.repeat(text, n_views, axis=0).T,
        )

    @classmethod
    def read(cls, path: Path) -> StoreRows:
        """Read a table written by `write`.

        Raises:
            DataError: The file has other columns or a broken line.
            OSError: It is missing or cannot be read.
        """
        try:
            return cls._parse(path)
        except (csv.Error, ValueError) as error:
            raise DataError(
                f"{path} should be a table with the columns {', '.join(_COLUMNS)}; it is damaged "
                f"or was edited ({error}): {REMEDY}"
            ) from error

    def write(self, file: IO[bytes]) -> None:
        """Write the table as CSV with a head line, in UTF-8."""
        # A file name of undecodable bytes comes back as the same bytes.
        text = io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline="")
        lines = csv.writer(text)
        lines.writerow(_COLUMNS)
        lines.writerows(zip(*self._columns(), strict=True))
        text.detach()

    def pictures(self) -> list[StoredPicture]:
        """One entry per picture, in order."""
        first = self.view == 0
        texts = (column[first] for column in self._columns()[2:])
        return [StoredPicture(*row) for row in zip(*texts, strict=True)]

    @classmethod
    def _parse(cls, path: Path) -> StoreRows:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            lines = csv.reader(file)
            names = tuple(next(lines, ()))
            # Labels and splits repeat millions of times: one object each.
            rows = [tuple(map(sys.intern, line)) for line in lines]
        if names != _COLUMNS:
            raise ValueError(f"its columns are {', '.join(names) or 'none'}")
        broken = next((n for n, row in enumerate(rows, 2) if len(row) != len(_COLUMNS)), None)
        if broken is not None:
            raise ValueError(f"row {broken} has {len(rows[broken - 2])} entries")
        columns = np.array(rows, dtype=object).reshape(len(rows), len(_COLUMNS)).T
        return cls(columns[0].astype(np.int64), columns[1].astype(np.int64), *columns[2:])

    def __len__(self) -> int:
        return len(self.picture)

    def _columns(self) -> list[np.ndarray]:
        return [getattr(self, name) for name in _COLUMNS]


_COLUMNS = tuple(field.name for field in fields(StoreRows))
