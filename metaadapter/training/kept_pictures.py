"""The pictures of a store in the classes of a source, with features in memory or on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float16, Float32, Int
from torch import Tensor
from torch.nn.functional import normalize

from episodes.stored_features import StoredFeatures
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.views import unit_rows

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
    n, store = sum(len(part.numbers) for part in parts), parts[0].store
    n_views, dim = store.n_views, store.fingerprint.dim
    ends = np.cumsum([len(part.numbers) * n_views for part in parts])

    def read(rows: Int[np.ndarray, " k"]) -> Float32[np.ndarray, "k dim"]:
        features = np.empty((len(rows), dim), dtype=np.float32)
        place = np.searchsorted(ends, rows, side="right")
        for number, part in enumerate(parts):
            is_here = place == number
            start = ends[number] - len(part.numbers) * n_views
            features[is_here] = unit_rows(part.rows(rows[is_here] - start).astype(np.float32))
        return features

    stored = StoredFeatures(read, (n, n_views, dim))
    if not average_views and n * n_views * dim * 4 > MOST_IN_MEMORY:
        return stored
    table_nVD, start = torch.empty(n, 1 if average_views else n_views, dim), 0
    for part_nVD in stored.parts():
        views_nVD = normalize(part_nVD.mean(1, keepdim=True), dim=-1) if average_views else part_nVD
        table_nVD[start : start + len(part_nVD)] = views_nVD
        start += len(part_nVD)
    return table_nVD
