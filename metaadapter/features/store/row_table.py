"""The row table of a feature store, with the picture and view of each row of features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import IO, NamedTuple, final

import numpy as np
from jaxtyping import Int

from metaadapter.errors import DataError
from metaadapter.features.store.checked_file import CheckedFile, Index
from metaadapter.features.store.columns import (
    Column,
    NumberedColumn,
    read_columns,
    write_columns,
)

REMEDY = "restore it from a copy, or run the same `metaadapter encode` with a new --out"
# Pictures that become Python objects at a time.
CHUNK_PICTURES = 65_536


class StoredPicture(NamedTuple):
    """The facts about a picture in the table; "" stands for an unknown fact."""

    path: str
    label: str
    split: str
    group: str
    sha256: str


FIELDS = StoredPicture._fields
NUMBERED = frozenset({"label", "split", "group"})


@final
class StoreRows:
    """Columns with one entry per picture, read from disk when used; "" stands for an unknown fact.

    All pictures have the same number of views, in successive rows of features, the whole picture
    first. The attributes `picture`, `view`, `path`, `label`, `split`, `group` and `sha256` have one
    entry per row of features. For millions of pictures use `numbers` and `of_pictures`, because
    a text is a Python object.
    """

    def __init__(self, columns: Mapping[str, Column], n_pictures: int, n_views: int) -> None:
        self._columns, self.n_pictures, self.n_views = columns, n_pictures, n_views

    @classmethod
    def open(cls, file: CheckedFile, path: Path, n_pictures: int, n_views: int) -> StoreRows:
        """Open a table that `write_rows` wrote; `DataError` for other columns."""
        try:
            columns = read_columns(file)
            if tuple(columns) != FIELDS:
                raise ValueError(f"its columns are {', '.join(columns) or 'none'}")
            if wrong := {len(column) for column in columns.values()} - {n_pictures}:
                raise ValueError(f"store.json says {n_pictures} pictures, but it has {wrong}")
        except DataError:
            raise
        except ValueError as error:
            raise DataError(
                f"{path} should be a table with the columns {', '.join(FIELDS)}; it is damaged "
                f"or was edited ({error}): {REMEDY}"
            ) from error
        return cls(columns, n_pictures, n_views)

    def __len__(self) -> int:
        return self.n_pictures * self.n_views

    @property
    def picture(self) -> Int[np.ndarray, " rows"]:
        """The number of the picture of each row."""
        return np.arange(len(self)) // self.n_views

    @property
    def view(self) -> Int[np.ndarray, " rows"]:
        """The view of each row; 0 is the whole picture."""
        return np.arange(len(self)) % self.n_views

    @cached_property
    def path(self) -> np.ndarray:
        """The path of each row's picture."""
        return self.of_pictures("path").repeat(self.n_views)

    @cached_property
    def label(self) -> np.ndarray:
        """The label of each row's picture."""
        return self.of_pictures("label").repeat(self.n_views)

    @cached_property
    def split(self) -> np.ndarray:
        """The split of each row's picture."""
        return self.of_pictures("split").repeat(self.n_views)

    @cached_property
    def group(self) -> np.ndarray:
        """The group of each row's picture."""
        return self.of_pictures("group").repeat(self.n_views)

    @cached_property
    def sha256(self) -> np.ndarray:
        """The content hash of each row's picture."""
        return self.of_pictures("sha256").repeat(self.n_views)

    def of_pictures(self, column: str, index: Index = slice(None)) -> np.ndarray:
        """Return the texts of a column for all pictures, or for those of an index of numpy."""
        return self._columns[column].at(index)

    def numbers(self, column: str) -> tuple[Int[np.ndarray, " pictures"], tuple[str, ...]]:
        """Return a label, split or group as a number per picture, and the sorted names.

        The number is −1 for a picture without the fact.
        """
        numbered = self._columns[column]
        assert isinstance(numbered, NumberedColumn), f"{column} differs from picture to picture"
        return numbered.of(slice(None))

    def numbers_in(self, column: str, wanted: Mapping[str, int]) -> Int[np.ndarray, " pictures"]:
        """Return the number that `wanted` gives each picture's label, split or group, else −1."""
        numbers, names = self.numbers(column)
        places = np.array([*(wanted.get(name, -1) for name in names), -1], dtype=np.int64)
        chosen: np.ndarray = places[numbers]
        return chosen

    def parts(self) -> Iterator[tuple[int, int]]:
        """Yield the first number of successive pictures, and the first of those that follow."""
        for start in range(0, self.n_pictures, CHUNK_PICTURES):
            yield start, min(start + CHUNK_PICTURES, self.n_pictures)

    def pictures(self, index: Index = slice(None)) -> list[StoredPicture]:
        """Return the pictures in the order of the table, or those of an index of numpy."""
        return list(map(StoredPicture, *(self.of_pictures(name, index) for name in FIELDS)))


def write_rows(file: IO[bytes], pictures: Sequence[StoredPicture]) -> None:
    """Write the table of pictures; the bytes depend on the facts alone."""
    columns = (
        (name, [picture[place] for picture in pictures]) for place, name in enumerate(FIELDS)
    )
    write_columns(file, columns, NUMBERED)
