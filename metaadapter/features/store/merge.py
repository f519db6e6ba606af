"""Merge feature stores into one, such as the shards that several machines encoded."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Int

from metaadapter.data.output_folder import write_errors
from metaadapter.data.progress import meter
from metaadapter.data.regular_files import given_path, given_places
from metaadapter.data.shard import require_all_shards
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.header import HEADER_FILE, StoreHeader, hold_folder
from metaadapter.features.store.picture_table import COLUMNS, joined, label_counts
from metaadapter.features.store.stored_pictures import NUMBERED
from metaadapter.features.store.writer import gathered, write_store


def merge_stores(stores: Sequence[Path | str] | Path | str, out: Path | str) -> FeatureStore:
    """Merge complete stores of the same encoder and views into a new store, and open it.

    All shards of a source, in any order, become the store that one process writes. Other stores are
    merged in the order of the paths of their pictures; a picture that is in several of them (the
    same facts and bytes) is kept once. If `out` is this result already, it is only opened.

    Args:
        stores: The folders of the stores.
        out: The folder of the new store.

    Raises:
        UsageError: No store is named, or `out` is another store already.
        DataError: A store is incomplete or damaged, a shard is missing, or `out` cannot be written.
        IncompatibleArtifact: The encoders, precisions, numbers of views, seeds or templates differ,
            or the lists of pictures of which the stores are shards.
    """
    if not stores:
        raise UsageError("no feature store was named to merge; name at least one")
    stores, out = given_places(stores), given_path(out)
    parts = [FeatureStore.open(folder) for folder in stores]
    _require_alike(parts)
    are_shards = parts[0].header.shard is not None
    parts = _all_shards(parts) if are_shards else parts
    table = joined(part.rows.table for part in parts)
    unreadable = tuple(chain.from_iterable(part.header.quarantined for part in parts))
    places = np.arange(len(table))
    if not are_shards:
        table, places = _sorted(table)
        readable = {path.decode(errors="surrogateescape") for path in table["path"].to_pylist()}
        unreadable = tuple(sorted(one for one in {*unreadable} if one.path not in readable))
    first = parts[0].header
    header = StoreHeader(
        first.recipe,
        len(table),
        label_counts(table),
        tuple(sorted({name for part in parts for name in part.classes})),
        first.templates,
        unreadable,
    )
    if (out / HEADER_FILE).exists():
        whole = FeatureStore.open(out)
        if whole.header == header and whole.rows.table.equals(table):
            return whole  # a merge that was killed after it had written the store
        raise UsageError(f"{out} is another feature store already; choose a new folder")
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


def _sorted(table: pa.Table) -> tuple[pa.Table, Int[np.ndarray, " pictures"]]:
    """Return the rows that differ, sorted by path; and the place of each in the given table."""
    columns = {name: table[name].cast(COLUMNS.field(name).type.value_type) for name in NUMBERED}
    columns |= {name: table[name] for name in ("path", "sha256")}
    numbered = pa.table(columns | {"place": np.arange(len(table))})
    distinct = numbered.group_by(list(columns)).aggregate([("place", "min")])
    keys = [(name, "ascending") for name in ("path", "sha256", "place_min")]
    places = distinct.sort_by(keys)["place_min"].to_numpy()
    return joined([table.take(places)]), places


def _require_alike(parts: Sequence[FeatureStore]) -> None:
    first = parts[0]
    for part in parts[1:]:
        first.header.recipe.require_same(part.header.recipe, part.folder)
        if first.header.templates != part.header.templates:
            raise IncompatibleArtifact(
                f"the class names of {first.folder} and {part.folder} were encoded in different "
                "templates; encode one of them again with the templates of the other"
            )
    shards = [part for part in parts if part.header.shard is not None]
    if 0 < len(shards) < len(parts):
        other = next(part for part in parts if part.header.shard is None)
        raise DataError(
            f"{shards[0].folder} is the shard {_name(shards[0])} of a list of pictures, but "
            f"{other.folder} is a whole store; merge all shards first"
        )


def _all_shards(parts: Sequence[FeatureStore]) -> list[FeatureStore]:
    """Return the shards in order, each once; `DataError` unless they are all shards of one list."""
    n_shards = {shard[1] for part in parts if (shard := part.header.shard)}
    if len(n_shards) > 1:
        raise DataError(
            "expected shards of one division, but the stores are shards of "
            f"{' and '.join(map(str, sorted(n_shards)))}: "
            f"{', '.join(f'{part.folder} ({_name(part)})' for part in parts)}; encode them again "
            "with the same number of shards"
        )
    by_number: dict[int, FeatureStore] = {}
    for part in parts:
        if part.header.listing != parts[0].header.listing:
            raise IncompatibleArtifact(
                f"{parts[0].folder} and {part.folder} are shards of different lists of pictures: "
                "a picture was added, moved or removed, or has another label, so some may be in "
                "both shards or in none; encode all shards again from one list"
            )
        number = part.header.shard[0] if part.header.shard else 0
        other = by_number.setdefault(number, part)
        if other is not part and other.identity != part.identity:
            raise DataError(
                f"{other.folder} and {part.folder} are both the shard {_name(part)}, with "
                "different pictures or features; name only one of them"
            )
    n = n_shards.pop()
    require_all_shards(by_number, n)
    return [by_number[number] for number in range(1, n + 1)]


def _name(part: FeatureStore) -> str:
    return "{}/{}".format(*(part.header.shard or ()))
