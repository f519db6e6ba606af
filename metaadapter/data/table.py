"""A table of pictures, the form into which every source is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from metaadapter.data.crop import Box, Crop
from metaadapter.data.packed import Packed


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One picture; a fact that is not known is None.

    The label identifies its class. Pictures of one group (a burst, a patient) stay on one side
    of a split. The box is the part of the picture to encode, by default the whole picture. The
    caption is a sentence about the picture. A picture that is packed has no file of its own: its
    path is only its name.
    """

    path: Path
    label: str | None
    split: str | None = None
    group: str | None = None
    box: Box | None = None
    caption: str | None = None
    packed: Packed | None = None

    @property
    def file(self) -> Path | Packed:
        """The picture's file, or its place in a tar or Parquet file."""
        return self.packed or self.path

    @property
    def picture(self) -> Path | Packed | Crop:
        """The picture to encode."""
        return self.file if self.box is None else Crop(self.file, self.box)


@dataclass(frozen=True, slots=True)
class ImageTable:
    """Pictures with their labels, from one kind of source, such as "class-per-folder".

    Rows from a folder are sorted by path; rows from a list keep the order of the list. The
    warnings tell the user which files were left out or look wrong. The descriptions are
    sentences about a class, by label, for the classes that have any.
    """

    rows: tuple[ImageRow, ...]
    source: str
    warnings: tuple[str, ...] = ()
    descriptions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """The distinct labels, sorted."""
        return tuple(sorted({row.label for row in self.rows if row.label is not None}))

    @property
    def splits(self) -> dict[str, int]:
        """The number of pictures in each split, in order of appearance; empty without splits."""
        return dict(Counter(row.split for row in self.rows if row.split is not None))
