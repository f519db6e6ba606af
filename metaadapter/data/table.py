"""The rows that every source of pictures is translated into."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from metaadapter.data.crop import Box, Crop


@dataclass(frozen=True, slots=True)
class ImageRow:
    """One picture.

    Attributes:
        path: The place of the file; it may turn out to be unreadable or missing.
        label: Name of its class, or None if it has none.
        split: "train", "test", ... if the source is divided, else None.
        group: Pictures of one group (a burst, a patient) must not be divided between splits.
        box: The part of the picture that counts, or None for the whole of it.
        caption: A sentence on this picture, or None if it has none.
    """

    path: Path
    label: str | None
    split: str | None = None
    group: str | None = None
    box: Box | None = None
    caption: str | None = None

    @property
    def picture(self) -> Path | Crop:
        """What is to be encoded."""
        return self.path if self.box is None else Crop(self.path, self.box)


@dataclass(frozen=True, slots=True)
class ImageTable:
    """Pictures with their labels, as found in one source.

    Attributes:
        rows: One for each picture; folders sorted by path, lists in their own order.
        source: Which format was found, for example "class-per-folder".
        warnings: Sentences for the user on what was left out or looks wrong.
        descriptions: Sentences on each class, by label, for those that have any.
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
