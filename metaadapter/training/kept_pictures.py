"""The pictures of a store in the classes of a source, with features in memory or on disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float16, Float32, Int
from torch import Tensor

from episodes.stored_features import CHUNK_PICTURES, StoredFeatures
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.views import mean_of_views, unit_rows

# Larger features, in bytes of float32, are read from disk where tasks draw them.
MOST_IN_MEMORY = 2**30


@dataclass(frozen=True, slots=True)
class KeptPictures:
    """Some pictures of a store."""

    store: FeatureStore
    numbers: Int[np.ndarray, " n"]
    labels: Int[np.ndarray, " n"]

    @classmethod
    def of_classes(cls, store: FeatureStore, classes: Sequence[str]) -> KeptPictures:
        """Return the pictures in these classes, labelled by the place of their class."""
        number: Mapping[str, int] = {name: place for place, name in enumerate(classes)}
        labels = store.rows.numbers_in("label", number)
        numbers = np.flatnonzero(labels >= 0)
        return cls(store, numbers, labels[numbers])

    @property
    def shape(self) -> tuple[int, int, int]:
        """The numbers of pictures and of views, and the feature width."""
        return len(self.numbers), self.store.n_views, self.store.fingerprint.dim

    def parts(self) -> Iterator[Float16[np.ndarray, "part views dim"]]:
        """Yield the stored features in the order of the pictures, some at a time."""
        views = self.store.by_picture()
        for start in range(0, len(self.numbers), CHUNK_PICTURES):
            yield views[self.numbers[start : start + CHUNK_PICTURES]]

    def rows(self, rows: Int[np.ndarray, " k"]) -> Float16[np.ndarray, "k dim"]:
        """Return stored rows by their number, which is picture · views + view."""
        pictures, view = np.divmod(rows, self.store.n_views)
        return self.store.by_picture()[self.numbers[pictures], view]

    def hashes(self) -> np.ndarray:
        """Return the content hash of each picture."""
        return self.store.rows.of_pictures("sha256", self.numbers)


def features_of(
    parts: Sequence[KeptPictures], *, average_views: bool
) -> Float[Tensor, "n V D"] | StoredFeatures:
    """Return the unit rows of all pictures of parts with the same number of views.

    With `average_views` a picture has one view, the mean of its views. Features that would take
    more than `MOST_IN_MEMORY` stay on disk, unless they are averaged.
    """
    n = sum(len(part.numbers) for part in parts)
    _, n_views, dim = parts[0].shape
    if not average_views and n * n_views * dim * 4 > MOST_IN_MEMORY:
        return StoredFeatures(_Reader(parts), (n, n_views, dim))
    table_nVD = np.empty((n, 1 if average_views else n_views, dim), dtype=np.float32)
    start = 0
    for part in parts:
        for stored in part.parts():
            target = table_nVD[start : start + len(stored)]
            target[:] = mean_of_views(stored)[:, None] if average_views else _unit_views(stored)
            start += len(stored)
    return torch.from_numpy(table_nVD)


class _Reader:
    """Reads unit rows of several stores as if they were one."""

    def __init__(self, parts: Sequence[KeptPictures]) -> None:
        self._parts = parts
        self._ends = np.cumsum([part.shape[0] * part.shape[1] for part in parts])

    def __call__(self, rows: Int[np.ndarray, " k"]) -> Float32[np.ndarray, "k dim"]:
        if len(self._parts) == 1:
            return unit_rows(self._parts[0].rows(rows).astype(np.float32))
        features = np.empty((len(rows), self._parts[0].shape[2]), dtype=np.float32)
        place = np.searchsorted(self._ends, rows, side="right")
        for number, part in enumerate(self._parts):
            is_here = place == number
            start = self._ends[number] - part.shape[0] * part.shape[1]
            features[is_here] = unit_rows(part.rows(rows[is_here] - start).astype(np.float32))
        return features


def _unit_views(stored_nVD: Float16[np.ndarray, "n V D"]) -> Float32[np.ndarray, "n V D"]:
    views = stored_nVD.astype(np.float32)
    return unit_rows(views.reshape(-1, views.shape[-1])).reshape(views.shape)
