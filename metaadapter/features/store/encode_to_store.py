"""Encode pictures into a feature store."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from metaadapter.data.input_digest import listing_digest
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.output_folder import write_errors
from metaadapter.data.shard import Shard, pick_shard
from metaadapter.data.table import ImageTable
from metaadapter.errors import UsageError
from metaadapter.features.encoded_pictures import require_some
from metaadapter.features.encoding_loop import Progress, make_pipeline
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Recipe
from metaadapter.features.store.class_texts import encode_class_texts
from metaadapter.features.store.encode_inputs import encode_inputs
from metaadapter.features.store.encoding_checkpoint import EncodingCheckpoint
from metaadapter.features.store.feature_rows import FeatureRows
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.header import HEADER_FILE, Quarantined, StoreHeader, hold_folder
from metaadapter.features.store.row_table import StoredPicture, StoreRows
from metaadapter.features.store.store_inputs import StoreInputs
from metaadapter.features.store.writer import tidy_up, write_store

ALL_KEPT = "All pictures are encoded and kept; run the same command to write the store."


@dataclass(frozen=True, slots=True)
class EncodeReport:
    """The numbers of a run of `encode_to_store`.

    `n_reused` counts pictures with stored features and copies of other pictures, `n_removed`
    pictures that are no longer in the table, and `n_dropped` copies that were left out.
    `duplicates` has the groups of equal pictures, each sorted by path; if copies are dropped,
    the first of each group is kept. The next run tries quarantined pictures again.
    `images_per_second` counts all pictures that were read, also those that were not new.
    """

    n_new: int
    n_reused: int
    n_removed: int
    n_total: int
    n_dropped: int
    duplicates: tuple[tuple[StoredPicture, ...], ...]
    quarantined: tuple[UnreadableImage, ...]
    seconds: float
    images_per_second: float


def encode_to_store(
    table: ImageTable,
    encoder: ImageEncoder,
    out: Path,
    *,
    views: int = 1,
    seed: int = 0,
    batch_size: int | None = None,
    workers: int | None = None,
    shard: Shard | None = None,
    drop_duplicates: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> EncodeReport:
    """Create or update the feature store `out` to hold the pictures in `table`, or continue a run.

    Pictures are identified by their bytes: moved ones are not encoded again, missing ones leave.

    Args:
        table: The pictures, as from `read_images`.
        encoder: A `FrozenEncoder`, or any other `ImageEncoder`.
        out: The folder of the store; it is created if it is missing.
        views: Rows per picture: the picture and `views` − 1 random crops.
        seed: The seed of the random crops.
        batch_size: The number of looks per batch; a fast number for the device if None.
        workers: The number of threads that read, and on a CPU encode; as many as torch uses if
            None.
        shard: (i, n): encode only part i of n parts, with i from 1; see `merge_stores`.
        drop_duplicates: Keep only the first of equal pictures, by path.
        progress: Called after each batch.

    Raises:
        UsageError: An argument is out of range.
        DataError: No picture can be read, or the folder is locked, not writable or not a store.
        IncompatibleArtifact: The store has another encoder, precision, number of views or seed.
    """
    if shard is not None and drop_duplicates:
        raise UsageError(
            "--drop-duplicates cannot be used with --shard, since equal pictures may lie in two "
            "shards; encode without shards, or keep the duplicates"
        )
    started = time.monotonic()
    rows = pick_shard(table.rows, shard)
    recipe = Recipe.of(encoder, views, seed)
    pipeline = make_pipeline(
        encoder,
        views=views,
        seed=seed,
        batch_size=batch_size,
        workers=workers,
        fixed_batches=True,
    )
    with hold_folder(out):
        before, known = _before(out, recipe)
        cache = EncodingCheckpoint(out, recipe, known)
        encoded = encode_inputs(out, rows, pipeline, cache, progress)
        inputs = StoreInputs.of(rows, encoded.states, drop_duplicates=drop_duplicates)
        quarantined = inputs.quarantined()
        if not inputs.pictures:
            cache.remove()
        if shard is None:  # a shard may have no readable picture, or none at all
            require_some(len(rows), quarantined)
        header = _header(table, inputs, recipe, tuple(encoder.templates), shard)
        _update_store(out, before, header, inputs, cache.features, encoder, progress)
        cache.remove()
    n_total = len(inputs.pictures)
    return EncodeReport(
        n_new=encoded.n_new,
        n_reused=n_total - encoded.n_new,
        n_removed=0 if before is None else _n_removed(before, inputs),
        n_total=n_total,
        n_dropped=inputs.n_dropped,
        duplicates=inputs.duplicates,
        quarantined=quarantined,
        seconds=time.monotonic() - started,
        images_per_second=encoded.rate,
    )


def _before(out: Path, recipe: Recipe) -> tuple[FeatureStore | None, FeatureRows]:
    """Return the store that is in the folder, if any, and its features by content hash."""
    known = FeatureRows()
    if not (out / HEADER_FILE).exists():
        return None, known
    before = FeatureStore.open(out)
    recipe.require_same(before.header.recipe, out)
    known.extend(before.rows.of_pictures("sha256"), before.by_picture()[:])
    return before, known


def _header(
    table: ImageTable,
    inputs: StoreInputs,
    recipe: Recipe,
    templates: tuple[str, ...],
    shard: Shard | None,
) -> StoreHeader:
    return StoreHeader.of_pictures(
        inputs.pictures,
        recipe,
        table.classes,
        templates,
        tuple(Quarantined(str(error.path), error.reason) for error in inputs.quarantined()),
        shard=shard,
        n_inputs=len(inputs.rows),
        listing=None if shard is None else listing_digest(table.rows),
    )


def _n_removed(before: FeatureStore, inputs: StoreInputs) -> int:
    hashes = {picture.sha256 for picture in inputs.pictures}
    return len({*before.rows.of_pictures("sha256")} - hashes)


def _update_store(
    folder: Path,
    before: FeatureStore | None,
    header: StoreHeader,
    inputs: StoreInputs,
    features: FeatureRows,
    encoder: ImageEncoder,
    progress: Callable[[Progress], None] | None,
) -> None:
    pictures = inputs.pictures
    if before is not None:
        old = before.header
        header = replace(header, recipe=old.recipe, generation=old.generation)
        if header == old and _are_stored(before.rows, pictures):
            tidy_up(folder, old)  # a writer that was killed at its end has left the older files
            return
        header = replace(header, generation=old.generation + 1)
    is_stored = before is not None and before.header.templates == header.templates
    stored = before.class_texts() if before is not None and is_stored else {}
    texts = encode_class_texts(encoder, header.classes, stored, progress)
    with write_errors(f"the feature store {folder}", ALL_KEPT):
        write_store(folder, header, pictures, features, texts, inputs.entries())


def _are_stored(rows: StoreRows, pictures: Sequence[StoredPicture]) -> bool:
    return rows.n_pictures == len(pictures) and all(
        rows.pictures(slice(start, end)) == [*pictures[start:end]] for start, end in rows.parts()
    )
