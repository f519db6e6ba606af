"""A table of pictures, the form into which every source is read."""

from __future__ import annotations

import os
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeAlias, final, overload

from metaadapter.data.crop import Box, Crop
from metaadapter.data.packed import Packed
from metaadapter.files.url import as_place


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One picture; a fact that is not known is None.

    The label identifies its class. Pictures of one group (a burst, a patient) stay on one side
    of a split. The box is the part of the picture to encode, by default the whole picture. A
    picture that is packed has no file of its own: its path is only its name. The size is that of a
    `Url` in bytes when its folder was listed, or 0.
    """

    path: Path
    label: str | None
    split: str | None = None
    group: str | None = None
    box: Box | None = None
    packed: Packed | None = None
    size: int = 0

    @property
    def file(self) -> Path | Packed:
        """The picture's file, or its place in a tar file."""
        return self.packed or self.path

    @property
    def picture(self) -> Path | Packed | Crop:
        """The picture to encode."""
        return self.file if self.box is None else Crop(self.file, self.box)


@final
class CompactRows(Sequence[ImageRow]):
    """Rows in about 100 bytes each and not a thousand; a row is made when it is read.

    All rows are in memory only as columns: paths one after the other, places, and numbers
    into the list of distinct facts.
    """

    def __init__(self, rows: Iterable[ImageRow]) -> None:
        self._columns = _Columns(rows)
        self._numbers = range(len(self._columns.ends) - 1)

    @property
    def labels(self) -> Iterator[str | None]:
        """The label of each row."""
        columns, numbers = self._columns, self._numbers
        of_rows = islice(columns.fact_of_row, numbers.start, numbers.stop)
        return (columns.facts[fact][0] for fact in of_rows)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> ImageRow: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[ImageRow]: ...
    def __getitem__(self, place: int | slice) -> ImageRow | Sequence[ImageRow]:
        if not isinstance(place, slice):
            return self._columns.row(self._numbers[place])
        numbers = self._numbers[place]
        if numbers.step != 1:
            return [self._columns.row(number) for number in numbers]
        part = CompactRows.__new__(CompactRows)
        part._columns, part._numbers = self._columns, numbers
        return part

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and [*self] == [*other]

    __hash__ = None  # type: ignore[assignment]


class _Columns:
    """The columns of all rows; `facts` are the distinct facts that rows share."""

    def __init__(self, rows: Iterable[ImageRow]) -> None:
        self.paths, self.ends = bytearray(), array("q", [0])
        self.fact_of_row, self.places = array("i"), array("q")
        self.boxes: dict[int, Box] = {}
        numbers: dict[Facts, int] = {}
        for row in rows:
            self.paths += os.fsencode(row.path)
            self.ends.append(len(self.paths))
            if row.box is not None:
                self.boxes[len(self.fact_of_row)] = row.box
            packed = row.packed
            facts = (row.label, row.split, row.group, packed and packed.container)
            self.fact_of_row.append(numbers.setdefault(facts, len(numbers)))
            self.places.extend(packed[2:] if packed else (row.size, 0))
        self.facts = [*numbers]

    def row(self, number: int) -> ImageRow:
        path = as_place(os.fsdecode(bytes(self.paths[self.ends[number] : self.ends[number + 1]])))
        label, split, group, container = self.facts[self.fact_of_row[number]]
        first, second = self.places[2 * number : 2 * number + 2]
        packed = None if container is None else Packed(path, container, first, second)
        size = 0 if packed else first
        box = self.boxes.get(number)
        return ImageRow(path, label, split, group, box, packed, size)


Text: TypeAlias = "str | None"
Facts: TypeAlias = "tuple[Text, Text, Text, Path | None]"
"""Label, split, group, and the container of a picture that is packed."""


@dataclass(frozen=True, slots=True)
class ImageTable:
    """Pictures with their labels, from one kind of source, such as "class-per-folder".

    Rows from a folder are sorted by path; rows from a list keep the order of the list. The
    warnings tell the user which files were left out or look wrong. The descriptions are
    sentences about a class, by label, for the classes that have any.
    """

    rows: Sequence[ImageRow]
    source: str
    warnings: tuple[str, ...] = ()
    descriptions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """The distinct labels, sorted."""
        rows = self.rows
        # Of millions of rows only the labels are read.
        labels = rows.labels if isinstance(rows, CompactRows) else (row.label for row in rows)
        return tuple(sorted({label for label in labels if label is not None}))

    @property
    def splits(self) -> dict[str, int]:
        """The number of pictures in each split, in order of appearance; empty without splits."""
        return dict(Counter(row.split for row in self.rows if row.split is not None))
