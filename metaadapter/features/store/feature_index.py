"""Where the features of a picture are, by its content hash."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float16

from metaadapter.features.store.feature_store import FeatureStore

__all__ = ["FeatureIndex"]


class FeatureIndex:
    """Features of many pictures, in several arrays that may lie on disk."""

    def __init__(self) -> None:
        self._sources: list[np.ndarray] = []
        self._places: dict[str, tuple[int, int]] = {}

    def add(
        self, hashes: Iterable[str], features: Float16[np.ndarray, "pictures views dim"]
    ) -> None:
        """Add pictures; one that is here already keeps its features."""
        source = len(self._sources)
        self._sources.append(features)
        for row, sha256 in enumerate(hashes):
            self._places.setdefault(sha256, (source, row))

    def add_store(self, store: FeatureStore) -> None:
        """Add the pictures of a store."""
        self.add((picture.sha256 for picture in store.rows.pictures()), store.by_picture())

    def gather(self, hashes: Sequence[str]) -> Float16[np.ndarray, "pictures views dim"]:
        """The features of these pictures, in this order, in memory."""
        places = (self._places[sha256] for sha256 in hashes)
        return np.stack([self._sources[source][row] for source, row in places])

    def __contains__(self, sha256: object) -> bool:
        return sha256 in self._places

    def __len__(self) -> int:
        return len(self._places)
