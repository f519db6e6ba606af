"""Features of a list of pictures: what can be read, what cannot, and each file's hash."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from metaadapter.errors import DataError
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.extraction import encode_to_store
from metaadapter.features.progress import Progress
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.images import ImageRow, ImageTable, UnreadableImage

__all__ = ["EncodedPictures", "encode_rows", "is_store", "read_store"]


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPictures:
    """Pictures that were read, in aligned columns.

    Attributes:
        paths: as they were given.
        labels: "" where a picture has none.
        sha256: hash of each file's bytes.
        features: one unit row per picture, the mean of its views.
        quarantined: pictures that could not be read.
        warnings: what was noticed when they were listed.
    """

    paths: tuple[str, ...]
    labels: tuple[str, ...]
    sha256: tuple[str, ...]
    features: Float[np.ndarray, "n dim"]
    quarantined: tuple[UnreadableImage, ...] = ()
    warnings: tuple[str, ...] = ()

    def select(self, numbers: Sequence[int]) -> EncodedPictures:
        """Only the pictures with these numbers, in this order."""
        return replace(
            self,
            paths=tuple(self.paths[number] for number in numbers),
            labels=tuple(self.labels[number] for number in numbers),
            sha256=tuple(self.sha256[number] for number in numbers),
            features=self.features[list(numbers)],
        )

    def __add__(self, other: EncodedPictures) -> EncodedPictures:
        return EncodedPictures(
            self.paths + other.paths,
            self.labels + other.labels,
            self.sha256 + other.sha256,
            np.concatenate([self.features, other.features]),
            self.quarantined + other.quarantined,
            self.warnings + other.warnings,
        )

    def __len__(self) -> int:
        return len(self.paths)


def encode_rows(
    rows: Sequence[ImageRow],
    encoder: FrozenEncoder,
    *,
    views: int,
    seed: int,
    progress: Callable[[Progress], None] | None = None,
) -> EncodedPictures:
    """Encode pictures as `metaadapter encode` would, and keep no store.

    Raises:
        DataError: not one of them can be read.
    """
    # Their texts are encoded elsewhere, by the names that the user gives: hence no labels here.
    unlabelled = ImageTable(tuple(replace(row, label=None) for row in rows), "pictures")
    with tempfile.TemporaryDirectory(prefix="metaadapter-") as folder:
        report = encode_to_store(
            unlabelled, encoder, Path(folder), views=views, seed=seed, progress=progress
        )
        stored = read_store(FeatureStore.open(folder))
    unreadable = {picture.path for picture in report.quarantined}
    labels = tuple(row.label or "" for row in rows if row.path not in unreadable)
    return replace(stored, labels=labels, quarantined=report.quarantined)


def read_store(store: FeatureStore, *, split: str | None = None) -> EncodedPictures:
    """The pictures of a feature store, or of one of its splits.

    Raises:
        DataError: the store has no such split.
    """
    features, _ = store.mean_features()
    pictures = store.rows.pictures()
    all_of_it = EncodedPictures(
        tuple(picture.path for picture in pictures),
        tuple(picture.label for picture in pictures),
        tuple(picture.sha256 for picture in pictures),
        features,
    )
    if split is None or split == "all":
        return all_of_it
    numbers = [number for number, picture in enumerate(pictures) if picture.split == split]
    if not numbers:
        splits = sorted({picture.split for picture in pictures if picture.split})
        raise DataError(
            f"the feature store {store.folder} has no split {split!r}; "
            + (f"it has {', '.join(splits)}" if splits else "its pictures are not divided")
        )
    return all_of_it.select(numbers)


def is_store(path: Path) -> bool:
    """Whether a path is a feature store and not pictures."""
    return (path / "store.json").is_file()
