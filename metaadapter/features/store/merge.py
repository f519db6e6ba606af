"""Merge feature stores, such as those of several machines, into one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from metaadapter.data.output_folder import write_errors
from metaadapter.errors import UsageError
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.header import HEADER_FILE, StoreHeader, hold_folder
from metaadapter.features.store.writer import write_store


def merge_stores(stores: Sequence[Path], out: Path) -> FeatureStore:
    """Merge complete stores of the same encoder and views into a new store, ordered by path.

    A picture that is in several stores (the same path and bytes) is kept once.

    Args:
        stores: The folders of the stores.
        out: The folder of the new store.

    Raises:
        UsageError: No store is named, or `out` is a store already.
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
    for part in reversed(parts):  # an earlier store overrides a later one
        features |= part.by_content()
        texts |= part.class_texts()
    pictures = sorted({picture for part in parts for picture in part.rows.pictures()})
    readable = {picture.path for picture in pictures}
    unreadable = {entry for part in parts for entry in part.header.quarantined}
    header = StoreHeader.of_pictures(
        pictures,
        first.recipe,
        tuple(sorted({name for part in parts for name in part.classes})),
        first.templates,
        tuple(sorted(entry for entry in unreadable if entry.path not in readable)),
    )
    kept = "The stores to merge are unchanged."
    with hold_folder(out), write_errors(f"the feature store {out}", kept):
        write_store(out, header, pictures, features, texts)
    return FeatureStore.open(out)
