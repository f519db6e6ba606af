"""Pictures with their paths, labels and features, from picture files or from a feature store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.regular_files import is_regular
from metaadapter.data.table import ImageRow
from metaadapter.errors import DataError
from metaadapter.features.encoding_loop import Progress, encode_pictures
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.folder import HEADER_FILE
from metaadapter.features.store.rows import StoredPicture, contradictions, equal_pictures


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPictures:
    """Pictures that were read, with one unit row of features each, the mean of their views.

    `quarantined` are those that could not be read, and `warnings` tell what was noticed when the
    pictures were listed and read. `rows` are the places of the pictures, to read them again; there
    are none where some come from a feature store.
    """

    pictures: tuple[StoredPicture, ...]
    features: Float[np.ndarray, "n dim"]
    quarantined: tuple[UnreadableImage, ...] = ()
    warnings: tuple[str, ...] = ()
    rows: tuple[ImageRow, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths as they were given."""
        return tuple(picture.path for picture in self.pictures)

    @property
    def labels(self) -> tuple[str, ...]:
        """The label of each picture, "" where it has none."""
        return tuple(picture.label for picture in self.pictures)

    @property
    def sha256(self) -> tuple[str, ...]:
        """The content hash of each picture."""
        return tuple(picture.sha256 for picture in self.pictures)

    def select(self, numbers: Sequence[int]) -> EncodedPictures:
        """The pictures with these numbers alone, in this order."""
        pictures = tuple(self.pictures[number] for number in numbers)
        rows = tuple(self.rows[number] for number in numbers) if self.rows else ()
        return replace(self, pictures=pictures, features=self.features[list(numbers)], rows=rows)

    @classmethod
    def joined(cls, parts: Iterable[EncodedPictures], *, width: int) -> EncodedPictures:
        """All pictures of some parts; there may be none, whose features would be this wide."""
        parts = list(parts)
        none = np.empty((0, width), dtype=np.float32)
        pictures = tuple(picture for part in parts for picture in part.pictures)
        rows = tuple(row for part in parts for row in part.rows)
        return cls(
            pictures,
            np.concatenate([none, *(part.features for part in parts)]),
            tuple(picture for part in parts for picture in part.quarantined),
            tuple(warning for part in parts for warning in part.warnings),
            rows if len(rows) == len(pictures) else (),
        )

    def __len__(self) -> int:
        return len(self.pictures)


def encode_rows(
    rows: Sequence[ImageRow],
    encoder: ImageEncoder,
    *,
    views: int,
    seed: int,
    progress: Callable[[Progress], None] | None = None,
) -> EncodedPictures:
    """Encode the pictures of a table as `encode_to_store` does, the mean of their views each.

    No store is kept; pictures that cannot be read, and copies with another label, are told.
    """
    features, contents = encode_pictures(
        [row.picture for row in rows], encoder, views=views, seed=seed, progress=progress
    )
    pictures, quarantined = part_readable(rows, contents)
    warnings = contradictions(equal_pictures(pictures))
    there = zip(rows, contents, strict=True)
    read = tuple(row for row, content in there if isinstance(content, str))
    return EncodedPictures(pictures, features, quarantined, warnings, read)


def part_readable(
    rows: Sequence[ImageRow], contents: Sequence[str | UnreadableImage]
) -> tuple[tuple[StoredPicture, ...], tuple[UnreadableImage, ...]]:
    """Part pictures into those that have features and those that could not be read."""
    pictures = tuple(
        StoredPicture(str(row.path), row.label or "", row.split or "", row.group or "", content)
        for row, content in zip(rows, contents, strict=True)
        if isinstance(content, str)
    )
    return pictures, tuple(it for it in contents if isinstance(it, UnreadableImage))


def require_some(n_pictures: int, quarantined: Sequence[UnreadableImage]) -> None:
    """Raise a `DataError` that names the first pictures unless one of all could be read."""
    if not n_pictures:
        raise DataError("there are no pictures to encode; name a folder or a list that has some")
    if len(quarantined) == n_pictures:
        raise DataError(
            f"none of the {n_pictures} pictures could be read, so there is nothing to encode. "
            "The first: " + "; ".join(str(error) for error in quarantined[:3])
        )


def read_store(store: FeatureStore, *, split: str | None = None) -> EncodedPictures:
    """The pictures of a feature store, or of one of its splits; a `DataError` if it has no such."""
    pictures = store.rows.pictures()
    whole = EncodedPictures(tuple(pictures), store.mean_features()[0])
    if split is None or split == "all":
        return whole
    numbers = [number for number, picture in enumerate(pictures) if picture.split == split]
    if not numbers:
        splits = sorted({picture.split for picture in pictures if picture.split})
        raise DataError(
            f"the feature store {store.folder} has no split {split!r}; "
            + (f"it has {', '.join(splits)}" if splits else "its pictures are not divided")
        )
    return whole.select(numbers)


def is_store(path: Path) -> bool:
    """Whether a path is a feature store and not pictures."""
    return is_regular(path / HEADER_FILE)
