"""Merge feature stores into one, such as the shards that several machines encoded."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from metaadapter.data.shard import require_all_shards
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.header import HEADER_FILE, StoreHeader, hold_folder
from metaadapter.features.store.picture_table import joined, label_counts
from metaadapter.features.store.writer import gathered, write_store
from metaadapter.files.output_folder import write_errors
from metaadapter.files.progress import meter
from metaadapter.files.regular_files import given_path, given_places


def merge_stores(stores: Sequence[Path | str] | Path | str, out: Path | str) -> FeatureStore:
    """Merge complete stores of the same encoder and views into a new store, and open it.

    All shards of a source, in any order, become the store that one process writes. Of other stores,
    in the order in which they are named, a picture with the same path and bytes is kept once.

    Args:
        stores: The folders of the stores.
        out: The folder of the new store.

    Raises:
        UsageError: No store is named, or `out` is a store already.
        DataError: A store is incomplete or damaged, a shard is missing, or `out` cannot be written.
        IncompatibleArtifact: The encoders, precisions, numbers of views, seeds or templates differ,
            or the lists of pictures of which the stores are shards.
    """
    if not stores:
        raise UsageError("no feature store was named to merge; name at least one")
    stores, out = given_places(stores), given_path(out)
    if (out / HEADER_FILE).exists():
        raise UsageError(f"{out} is a feature store already; choose a new folder")
    parts = [FeatureStore.open(folder) for folder in stores]
    _require_alike(parts)
    are_shards = parts[0].header.shard is not None
    parts = _all_shards(parts) if are_shards else parts
    table = joined(part.rows.table for part in parts)
    unreadable = tuple(chain.from_iterable(part.header.quarantined for part in parts))
    places = np.arange(len(table))
    if not are_shards:
        pictures = table.select(["path", "sha256"]).append_column("place", [places])
        first_of_each = pictures.group_by(["path", "sha256"]).aggregate([("place", "min")])
        places = np.sort(first_of_each["place_min"].to_numpy())
        table = joined([table.take(places)])
        readable = {path.decode(errors="surrogateescape") for path in table["path"].to_pylist()}
        unreadable = tuple(one for one in dict.fromkeys(unreadable) if one.path not in readable)
    first = parts[0].header
    header = StoreHeader(
        first.recipe,
        len(table),
        label_counts(table),
        tuple(sorted({name for part in parts for name in part.classes})),
        first.templates,
        unreadable,
    )
    texts: dict[str, np.ndarray] = {}
    for part in reversed(parts):  # an earlier store overrides a later one
        texts |= part.class_texts()
    advance = meter("merge", len(table))
    features = gathered([part.by_picture() for part in parts], places)
    counted = (rows for rows in features if advance(len(rows)))
    kept = "The stores to merge are unchanged."
    with hold_folder(out), write_errors(f"the feature store {out}", kept):
        write_store(out, header, table, counted, texts)
    return FeatureStore.open(out)


def _require_alike(parts: Sequence[FeatureStore]) -> None:
    first = parts[0]
    for part in parts[1:]:
        first.header.recipe.require_same(part.header.recipe, part.folder)
        if first.header.templates != part.header.templates:
            raise IncompatibleArtifact(
                f"the class names of {first.folder} and {part.folder} were encoded in different "
                "templates; encode one of them again with the templates of the other"
            )
        if first.header.listing != part.header.listing:
            raise IncompatibleArtifact(
                f"{first.folder} and {part.folder} are not shards of the same list of pictures: a "
                "picture was added, moved or removed, or has another label, or one is a whole "
                "store; encode all shards again from one list, or merge whole stores"
            )


def _all_shards(parts: Sequence[FeatureStore]) -> list[FeatureStore]:
    """Return the shards in order; an error unless they are all shards of one division, once."""
    shards = {part.header.shard or (1, 1): part for part in parts}
    names = ", ".join(f"{part.folder} ({i}/{n})" for (i, n), part in shards.items())
    (_, n_shards), *others = shards
    if any(n != n_shards for _, n in others):
        raise DataError(f"expected shards of one division, got {names}; encode all with one N")
    if len(shards) < len(parts):
        raise UsageError(f"expected each shard once, got {len(parts)} stores for {names}")
    require_all_shards({number for number, _ in shards}, n_shards)
    return [shards[shard] for shard in sorted(shards)]
