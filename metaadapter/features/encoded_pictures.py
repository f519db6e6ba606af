"""Pictures with their paths, labels and features, from picture files or from a feature store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from metaadapter.errors import DataError
from metaadapter.features.duplicates import contradictions, equal_pictures
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.picture_features import encode_pictures
from metaadapter.features.progress import Progress
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.folder import HEADER_FILE
from metaadapter.features.store.rows import StoredPicture
from metaadapter.images import ImageRow, UnreadableImage

__all__ = ["EncodedPictures", "encode_rows", "is_store", "read_store"]


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPictures:
    """Pictures that were read, in aligned columns.

    Attributes:
        paths: The paths as they were given.
        labels: The label of each picture, "" where it has none.
        sha256: The content hash of each picture.
        features: One unit row for each picture, the mean of its views.
        quarantined: The pictures that could not be read.
        warnings: What was noticed when the pictures were listed and read.
    """

    paths: tuple[str, ...]
    labels: tuple[str, ...]
    sha256: tuple[str, ...]
    features: Float[np.ndarray, "n dim"]
    quarantined: tuple[UnreadableImage, ...] = ()
    warnings: tuple[str, ...] = ()

    def select(self, numbers: Sequence[int]) -> EncodedPictures:
        """The pictures with these numbers alone, in this order."""
        return replace(
            self,
            paths=tuple(self.paths[number] for number in numbers),
            labels=tuple(self.labels[number] for number in numbers),
            sha256=tuple(self.sha256[number] for number in numbers),
            features=self.features[list(numbers)],
        )

    @classmethod
    def joined(cls, parts: Iterable[EncodedPictures], *, width: int) -> EncodedPictures:
        """All pictures of some parts; there may be none, whose features would be this wide."""
        parts = list(parts)
        none = np.empty((0, width), dtype=np.float32)
        return cls(
            tuple(path for part in parts for path in part.paths),
            tuple(label for part in parts for label in part.labels),
            tuple(sha256 for part in parts for sha256 in part.sha256),
            np.concatenate([none, *(part.features for part in parts)]),
            tuple(picture for part in parts for picture in part.quarantined),
            tuple(warning for part in parts for warning in part.warnings),
        )

    def __len__(self) -> int:
        return len(self.paths)


def encode_rows(
    rows: Sequence[ImageRow],
    encoder: ImageEncoder,
    *,
    views: int,
    seed: int,
    progress: Callable[[Progress], None] | None = None,
) -> EncodedPictures:
    """Encode the pictures of a table, as `encode_to_store` does, and keep no store.

    Args:
        rows: The pictures.
        encoder: Gives the features.
        views: The number of views that are averaged for each picture.
        seed: The seed of the random views.
        progress: Called after each batch.
    """
    found = encode_pictures(
        [row.path for row in rows], encoder, views=views, seed=seed, progress=progress
    )
    read = [row for number, row in enumerate(rows) if number not in found.unreadable]
    pictures = [StoredPicture.of(*known) for known in zip(read, found.sha256, strict=True)]
    return EncodedPictures(
        tuple(picture.path for picture in pictures),
        tuple(picture.label for picture in pictures),
        found.sha256,
        found.features,
        tuple(found.unreadable.values()),
        contradictions(equal_pictures(pictures)),
    )


def read_store(store: FeatureStore, *, split: str | None = None) -> EncodedPictures:
    """The pictures of a feature store, or of one of its splits.

    Raises:
        DataError: The store has no such split.
    """
    features, _ = store.mean_features()
    pictures = store.rows.pictures()
    whole = EncodedPictures(
        tuple(picture.path for picture in pictures),
        tuple(picture.label for picture in pictures),
        tuple(picture.sha256 for picture in pictures),
        features,
    )
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
    return (path / HEADER_FILE).is_file()
