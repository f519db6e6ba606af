"""A table of pictures, the form into which every source is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from metaadapter.data.crop import Box, Crop


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One picture; what is not known of it is None.

    The label is the name of its class. Pictures of one group (a burst, a patient) stay on one
    side of a split. The box is the part of the picture that counts, by default the whole. The
    caption is a sentence about the picture.
    """

    path: Path
    label: str | None
    split: str | None = None
    group: str | None = None
    box: Box | None = None
    caption: str | None = None

    @property
    def picture(self) -> Path | Crop:
        """The picture to encode."""
        return self.path if self.box is None else Crop(self.path, self.box)


@dataclass(frozen=True, slots=True)
class ImageTable:
    """Pictures with their labels, from one source, such as "class-per-folder".

    The rows of folders are sorted by path, those of lists in their own order. The warnings are
    for the user, about what was left out or looks wrong. The descriptions are sentences about
    each class that has any, by label.
    """

    rows: tuple[ImageRow, ...]
    source: str
    warnings: tuple[str, ...] = ()
    descriptions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """Distinct labels, sorted."""
        return tuple(sorted({row.label for row in self.rows if row.label is not None}))

    @property
    def splits(self) -> dict[str, int]:
        """Number of pictures of each split, in order of appearance; empty if undivided."""
        return dict(Counter(row.split for row in self.rows if row.split is not None))
