"""A table of pictures, the form into which every source is read."""

from __future__ import annotations

import os
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import final, overload

from metaadapter.data.crop import Box, Crop
from metaadapter.data.packed import Packed, ParquetCell, TarMember
from metaadapter.data.url import as_place


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One picture; a fact that is not known is None.

    The label identifies its class. Pictures of one group (a burst, a patient) stay on one side
    of a split. The box is the part of the picture to encode, by default the whole picture. The
    caption is a sentence about the picture. A picture that is packed has no file of its own: its
    path is only its name. The version is that of a `Url` when its folder was listed, or 0.
    """

    path: Path
    label: str | None
    split: str | None = None
    group: str | None = None
    box: Box | None = None
    caption: str | None = None
    packed: Packed | None = None
    version: int = 0

    @property
    def file(self) -> Path | Packed:
        """The picture's file, or its place in a tar or Parquet file."""
        return self.packed or self.path

    @property
    def picture(self) -> Path | Packed | Crop:
        """The picture to encode."""
        return self.file if self.box is None else Crop(self.file, self.box)


@final
class CompactRows(Sequence[ImageRow]):
    """Rows in about 100 bytes each and not a thousand; a row is made when it is read.

    All rows are in memory only as columns: paths one after the other, and numbers into the list of
    distinct facts.
    """

    def __init__(self, rows: Iterable[ImageRow]) -> None:
        self._columns = _Columns(rows)
        self._numbers = range(len(self._columns.ends) - 1)

    @property
    def labels(self) -> Iterator[str | None]:
        """The label of each row."""
        facts, labels = self._columns.facts, self._columns.texts["label"]
        return (facts[label] for label in islice(labels, self._numbers.start, self._numbers.stop))

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
    """The columns of all rows; `facts` are the distinct labels, containers and so on."""

    def __init__(self, rows: Iterable[ImageRow]) -> None:
        self.paths, self.ends = bytearray(), array("q", [0])
        self.facts: list[str | None] = [None]
        self.texts = {name: array("i") for name in TEXTS}
        self.boxes: dict[int, Box] = {}
        self.packed: dict[str, array[int]] = {name: array("q") for name in ("at", "length")}
        self.containers, self.container = list[tuple[Path, str | None] | None]([None]), array("i")
        numbers: dict[str | None, int] = {None: 0}
        container_numbers: dict[tuple[Path, str | None] | None, int] = {None: 0}
        for row in rows:
            self.paths += os.fsencode(row.path)
            self.ends.append(len(self.paths))
            for name, column in self.texts.items():
                text = getattr(row, name)
                if text not in numbers:
                    numbers[text] = len(self.facts)
                    self.facts.append(text)
                column.append(numbers[text])
            if row.box is not None:
                self.boxes[len(self.container)] = row.box
            container, at, length = _place(row)
            if container not in container_numbers:
                container_numbers[container] = len(self.containers)
                self.containers.append(container)
            self.container.append(container_numbers[container])
            self.packed["at"].append(at)
            self.packed["length"].append(length)

    def row(self, number: int) -> ImageRow:
        path = as_place(os.fsdecode(bytes(self.paths[self.ends[number] : self.ends[number + 1]])))
        label, split, group, caption = (self.facts[self.texts[name][number]] for name in TEXTS)
        place = self.containers[self.container[number]]
        at, length = self.packed["at"][number], self.packed["length"][number]
        packed: Packed | None = None
        if place is not None:
            container, column = place
            packed = (
                TarMember(path, container, at, length)
                if column is None
                else ParquetCell(path, container, column, at, length)
            )
        version = 0 if packed else at
        return ImageRow(path, label, split, group, self.boxes.get(number), caption, packed, version)


TEXTS = ("label", "split", "group", "caption")


def _place(row: ImageRow) -> tuple[tuple[Path, str | None] | None, int, int]:
    packed = row.packed
    if packed is None:
        return None, row.version, 0
    if isinstance(packed, TarMember):
        return (packed.container, None), packed.start, packed.length
    return (packed.container, packed.column), packed.row_group, packed.row


def _labels(rows: Iterable[ImageRow]) -> Iterator[str | None]:
    return (row.label for row in rows)


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
        labels = self.rows.labels if isinstance(self.rows, CompactRows) else _labels(self.rows)
        return tuple(sorted({label for label in labels if label is not None}))

    @property
    def splits(self) -> dict[str, int]:
        """The number of pictures in each split, in order of appearance; empty without splits."""
        return dict(Counter(row.split for row in self.rows if row.split is not None))
