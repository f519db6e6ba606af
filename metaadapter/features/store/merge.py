"""Merge feature stores into one, such as the shards that several machines encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np

from metaadapter.data.given_values import given_path, given_places
from metaadapter.data.input_status import DONE, DUPLICATE, UNREADABLE
from metaadapter.data.output_folder import write_errors
from metaadapter.data.shard import require_all_shards
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.features.encoding_loop import Progress, meter
from metaadapter.features.store.feature_rows import FeatureRows
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.header import HEADER_FILE, Quarantined, StoreHeader, hold_folder
from metaadapter.features.store.input_states import InputEntry, read_inputs
from metaadapter.features.store.row_table import REMEDY, StoredPicture
from metaadapter.features.store.writer import write_store

Input: TypeAlias = StoredPicture | Quarantined


def merge_stores(
    stores: Sequence[Path | str] | Path | str,
    out: Path | str,
    *,
    progress: Callable[[Progress], None] | None = None,
) -> FeatureStore:
    """Merge complete stores of the same encoder and views into a new store, and open it.

    All shards of a source, in any order, become the store that one process writes, byte for byte.
    Other stores are merged in the order of the paths of their pictures; a picture that is in
    several of them (the same path and bytes) is kept once. If `out` is this result already, it is
    only opened.

    Args:
        stores: The folders of the stores.
        out: The folder of the new store.
        progress: Called after each store that is read.

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
    first = parts[0].header
    for part in parts[1:]:
        first.recipe.require_same(part.header.recipe, part.folder)
        _require_same_templates(parts[0], part)
    shards = [part for part in parts if part.header.shard is not None]
    are_shards = len(shards) == len(parts)
    if are_shards:
        parts = _all_shards(parts)
    elif shards:
        other = next(part for part in parts if part.header.shard is None)
        raise DataError(
            f"{shards[0].folder} is the shard {_name(shards[0])} of a list of pictures, but "
            f"{other.folder} is a whole store; merge all shards first"
        )

    features, texts = FeatureRows(), dict[str, np.ndarray]()
    advance = meter("merge", sum(part.n_pictures for part in parts), progress)
    for part in reversed(parts):  # an earlier store overrides a later one
        features.extend(part.rows.of_pictures("sha256"), part.by_picture()[:])
        texts |= part.class_texts()
        advance(part.n_pictures)
    inputs = [entry for part in parts for entry in _inputs(part)] if are_shards else _sorted(parts)
    pictures = [entry for entry in inputs if isinstance(entry, StoredPicture)]
    header = StoreHeader.of_pictures(
        pictures,
        first.recipe,
        tuple(sorted({name for part in parts for name in part.classes})),
        first.templates,
        tuple(entry for entry in inputs if isinstance(entry, Quarantined)),
        n_inputs=len(inputs),
    )
    if (out / HEADER_FILE).exists():
        whole = FeatureStore.open(out)
        if whole.header == header and _has_pictures(whole, pictures, features):
            return whole  # a merge that was killed after it had written the store
        raise UsageError(f"{out} is another feature store already; choose a new folder")
    kept = "The stores to merge are unchanged."
    with hold_folder(out), write_errors(f"the feature store {out}", kept):
        write_store(out, header, pictures, features, texts, _entries(inputs))
    return FeatureStore.open(out)


def _has_pictures(
    store: FeatureStore, pictures: Sequence[StoredPicture], features: FeatureRows
) -> bool:
    if [*store.rows.pictures()] != pictures:
        return False
    stored = store.by_picture()
    return all(
        np.array_equal(stored[number], features[picture.sha256])
        for number, picture in enumerate(pictures)
    )


def _require_same_templates(one: FeatureStore, other: FeatureStore) -> None:
    if one.header.templates != other.header.templates:
        raise IncompatibleArtifact(
            f"the class names of {one.folder} and {other.folder} were encoded in different "
            "templates; encode one of them again with the templates of the other"
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
    for part in parts[1:]:
        if part.header.listing != parts[0].header.listing:
            raise IncompatibleArtifact(
                f"{parts[0].folder} and {part.folder} are shards of different lists of pictures: "
                "a picture was added, moved or removed, or has another label, so some may be in "
                "both shards or in none; encode all shards again from one list"
            )
    by_number: dict[int, FeatureStore] = {}
    for part in parts:
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


def _inputs(part: FeatureStore) -> Iterator[Input]:
    """Yield the inputs of a shard in order."""
    path = part.proof.find(part.header.files["inputs"])
    pictures = (
        picture
        for start, end in part.rows.parts()
        for picture in part.rows.pictures(slice(start, end))
    )
    for entry in read_inputs(path):
        if entry.status == UNREADABLE:
            yield Quarantined(entry.path, entry.reason)
            continue
        picture = next(pictures, None)
        if picture is None or picture.path != entry.path:
            raise DataError(f"{path} does not fit the pictures of {part.folder}: {REMEDY}")
        yield picture


def _sorted(parts: Sequence[FeatureStore]) -> list[Input]:
    pictures = {picture for part in parts for picture in part.rows.pictures()}
    readable = {picture.path for picture in pictures}
    unreadable = {entry for part in parts for entry in part.header.quarantined}
    return sorted({*pictures, *(entry for entry in unreadable if entry.path not in readable)})


def _entries(inputs: Sequence[Input]) -> Iterator[InputEntry]:
    first: dict[str, str] = {}
    for entry in inputs:
        if isinstance(entry, Quarantined):
            yield InputEntry(entry.path, UNREADABLE, entry.reason)
        elif (original := first.get(entry.sha256)) is not None:
            yield InputEntry(entry.path, DUPLICATE, "", original)
        else:
            first[entry.sha256] = entry.path
            yield InputEntry(entry.path, DONE)
