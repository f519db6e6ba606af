"""Pictures in a feature store whose labels are predicted, read some at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int

from metaadapter.data.checksums import content_hash
from metaadapter.features.encoded_pictures import EncodedPictures, pictures_of_split
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.views import mean_of_views

# Their features in float64 take 25 MB if a feature is 3008 wide.
STORED_AT_ONCE = 1024


@dataclass(frozen=True)
class StoredQueries:
    """The pictures of a store, or of one of its splits, in the order of the store."""

    store: FeatureStore
    split: str | None = None
    warnings: tuple[str, ...] = ()

    @cached_property
    def numbers(self) -> Int[np.ndarray, " n"]:
        """The numbers of the pictures in the store, from 0."""
        return pictures_of_split(self.store, self.split)

    @cached_property
    def digest(self) -> str:
        """A digest of the store's features and table, and of the split."""
        store, names = self.store, self.store.header.files.values()
        facts = [store.proof.files[name] for name in names]
        return content_hash(repr((facts, self.split)))

    def __len__(self) -> int:
        return len(self.numbers)

    def labels(self) -> np.ndarray:
        """Return the label of each picture, or ""."""
        return self.store.rows.of_pictures("label", self.numbers)

    def paths(self) -> np.ndarray:
        """Return the path of each picture."""
        return self.store.rows.of_pictures("path", self.numbers)

    def read(self, start: int, stop: int) -> EncodedPictures:
        """Read the features of some of the pictures; the warnings come with the first."""
        # A range is read at once, numbers one by one.
        some = slice(start, stop) if self.split is None else self.numbers[start:stop]
        features = mean_of_views(self.store.by_picture()[some])
        pictures = tuple(self.store.rows.pictures(some))
        return EncodedPictures(pictures, features, warnings=() if start else self.warnings)

    def parts(self) -> Iterator[EncodedPictures]:
        """Read all pictures, `STORED_AT_ONCE` at a time."""
        for start in range(0, len(self), STORED_AT_ONCE):
            yield self.read(start, start + STORED_AT_ONCE)
