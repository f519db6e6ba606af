"""Encode pictures into a feature store."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from metaadapter.data.inputs import UnreadableImage, listing_digest
from metaadapter.data.shard import Shard, pick_shard
from metaadapter.data.table import ImageTable
from metaadapter.features.encoded_pictures import require_some
from metaadapter.features.encoding_pipeline import Pipeline
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Recipe
from metaadapter.features.store.class_texts import encode_class_texts
from metaadapter.features.store.encoded_inputs import EncodedInputs
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.header import (
    HEADER_FILE,
    UNFINISHED_FOLDER,
    Quarantined,
    StoreHeader,
    hold_folder,
)
from metaadapter.features.store.kept_features import KeptFeatures
from metaadapter.features.store.picture_facts import PictureFacts
from metaadapter.features.store.picture_table import label_counts
from metaadapter.features.store.writer import tidy_up, write_store
from metaadapter.files.output_folder import write_errors

ALL_KEPT = "All pictures are encoded and kept; run the same command to write the store."


@dataclass(frozen=True, slots=True)
class EncodeReport:
    """The numbers of a run of `encode_to_store`.

    `n_reused` counts pictures with stored features and copies of other pictures, `n_removed`
    pictures that are no longer in the table. `duplicates` has the groups of equal pictures, each
    sorted by path. The next run tries quarantined pictures again. `images_per_second` counts all
    pictures that were read, also those that were not new.
    """

    n_new: int
    n_reused: int
    n_removed: int
    n_total: int
    duplicates: tuple[tuple[PictureFacts, ...], ...]
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

    Raises:
        UsageError: An argument is out of range.
        DataError: No picture can be read, or the folder is locked, not writable or not a store.
        IncompatibleArtifact: The store has another encoder, precision, number of views or seed.
    """
    started = time.monotonic()
    rows = pick_shard(table.rows, shard)
    recipe = Recipe.of(encoder, views, seed)
    pipeline = Pipeline(encoder, views, seed, batch_size, workers)
    with hold_folder(out):
        before = FeatureStore.open(out) if (out / HEADER_FILE).exists() else None
        if before is not None:
            recipe.require_same(before.header.recipe, out)
        kept = KeptFeatures(out / UNFINISHED_FOLDER, recipe, f"the feature store {out}")
        with closing(kept):
            inputs = EncodedInputs(rows, kept, before)
            n_new, rate = inputs.encode(pipeline)
            quarantined = inputs.quarantined
            if len(quarantined) == len(rows):
                kept.remove()
            if shard is None:  # a shard may have no readable picture, or none at all
                require_some(len(rows), quarantined)
            header = StoreHeader(
                recipe=recipe,
                n_pictures=inputs.n_pictures,
                counts=label_counts(inputs.table),
                classes=table.classes,
                templates=tuple(encoder.templates),
                quarantined=tuple(Quarantined(str(one.path), one.reason) for one in quarantined),
                shard=shard,
                listing=None if shard is None else listing_digest(table.rows),
            )
            _update_store(out, before, header, inputs, encoder)
            kept.remove()
    return EncodeReport(
        n_new=n_new,
        n_reused=inputs.n_pictures - n_new,
        n_removed=inputs.n_removed,
        n_total=inputs.n_pictures,
        duplicates=inputs.duplicates(),
        quarantined=quarantined,
        seconds=time.monotonic() - started,
        images_per_second=rate,
    )


def _update_store(
    folder: Path,
    before: FeatureStore | None,
    header: StoreHeader,
    inputs: EncodedInputs,
    encoder: ImageEncoder,
) -> None:
    stored: dict[str, np.ndarray] = {}
    if before is not None:
        old = before.header
        header = replace(header, recipe=old.recipe, generation=old.generation)
        if header == old and before.rows.table.equals(inputs.table):
            tidy_up(folder, old)  # a writer that was killed at its end has left the older files
            return
        header = replace(header, generation=old.generation + 1)
        stored = before.class_texts() if old.templates == header.templates else {}
    texts = encode_class_texts(encoder, header.classes, stored)
    with write_errors(f"the feature store {folder}", ALL_KEPT):
        write_store(folder, header, inputs.table, inputs.features(), texts)
