"""Sharing the work of `encode` among machines, and joining the stores they made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from metaadapter.errors import UsageError
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.folder import HEADER_FILE, hold_folder
from metaadapter.features.store.header import StoreHeader
from metaadapter.features.store.writer import write_store
from metaadapter.images import ImageRow
from metaadapter.own_folder import write_errors

__all__ = ["merge_stores", "pick_shard"]


def pick_shard(pictures: Sequence[ImageRow], shard: tuple[int, int] | None) -> tuple[ImageRow, ...]:
    """Every n-th picture in the order of the paths, beginning with the i-th; all without a shard.

    Args:
        pictures: The same on every machine, in any order.
        shard: (i, n), i from 1 to n.

    Raises:
        UsageError: i is not one of 1 … n.
    """
    if shard is None:
        return tuple(pictures)
    number, n_shards = shard
    if not 1 <= number <= n_shards:
        raise UsageError(
            f"a shard is given as i/n with i from 1 to n, and {number}/{n_shards} came; "
            "for four machines use --shard 1/4 on the first, 2/4 on the second and so on"
        )
    return tuple(sorted(pictures, key=lambda picture: str(picture.path)))[number - 1 :: n_shards]


def merge_stores(stores: Sequence[Path], out: Path) -> FeatureStore:
    """Join stores of the same encoder and views into a new one, ordered by path.

    A picture that several stores hold (the same path and bytes) is kept once.

    Args:
        stores: Complete stores, for instance the shards of one set of pictures.
        out: Folder of the new store.

    Raises:
        UsageError: No store is named, or `out` holds one already.
        DataError: A store is incomplete, or `out` cannot be written.
        IncompatibleArtifact: The encoders, precisions, numbers of views or seeds differ.
    """
    if not stores:
        raise UsageError("no feature store was named to merge; name at least one")
    if (out / HEADER_FILE).exists():
        raise UsageError(f"{out} is a feature store already; choose a new folder for the result")
    parts = [FeatureStore.open(folder) for folder in stores]
    first = parts[0].header
    for part in parts[1:]:
        first.recipe.require_same(part.header.recipe, part.folder)

    features: dict[str, np.ndarray] = {}
    texts: dict[str, np.ndarray] = {}
    for part in reversed(parts):  # what several hold is taken from the first
        features |= part.by_content()
        texts |= part.class_texts()
    pictures = sorted({picture for part in parts for picture in part.rows.pictures()})
    read = {picture.path for picture in pictures}
    unread = {entry for part in parts for entry in part.header.quarantined}
    header = StoreHeader.of_pictures(
        pictures,
        first.recipe,
        tuple(sorted({name for part in parts for name in part.classes})),
        first.templates,
        tuple(sorted(entry for entry in unread if entry.path not in read)),
    )
    kept = "The stores to merge are as they were."
    with hold_folder(out), write_errors(f"the feature store {out}", kept):
        write_store(out, header, pictures, features, texts)
    return FeatureStore.open(out)
