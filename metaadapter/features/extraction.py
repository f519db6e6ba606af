"""Encoding pictures into a feature store; what the store holds already is not encoded again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from metaadapter.errors import UsageError
from metaadapter.features.duplicates import equal_pictures
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.picture_features import encode_new, require_some
from metaadapter.features.progress import EncodeReport, Progress
from metaadapter.features.prompts import readable_name
from metaadapter.features.store.feature_index import FeatureIndex
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.folder import HEADER_FILE, hold_folder
from metaadapter.features.store.header import Quarantined, StoreHeader
from metaadapter.features.store.journal import Journal
from metaadapter.features.store.recipe import Recipe
from metaadapter.features.store.rows import StoredPicture
from metaadapter.features.store.shards import pick_shard
from metaadapter.features.store.writer import write_store
from metaadapter.images import ImageRow, ImageTable, UnreadableImage
from metaadapter.own_folder import write_errors

__all__ = ["encode_to_store"]

ALL_KEPT = "All pictures are encoded and kept there; the same command only writes the store."


def encode_to_store(
    table: ImageTable,
    encoder: ImageEncoder,
    out: Path,
    *,
    views: int = 1,
    seed: int = 0,
    batch_size: int = 32,
    workers: int | None = None,
    shard: tuple[int, int] | None = None,
    drop_duplicates: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> EncodeReport:
    """Make `out` the feature store of the pictures in `table`.

    Pictures are known by their bytes: moved ones are not encoded again, those that left the table
    leave the store. A run that is stopped at any moment is continued by the next.

    Args:
        table: What `read_images` found.
        encoder: A `FrozenEncoder`, or any other `ImageEncoder`.
        out: The folder of the store; made if it is not there.
        views: Rows per picture: the centre view and `views` − 1 random crops.
        seed: The seed of the random crops.
        batch_size: Rows that the encoder takes at a time.
        workers: Threads that read and encode pictures; as many as torch uses if None.
        shard: (i, n): only the i-th of n parts of the pictures, i from 1; see `merge_stores`.
        drop_duplicates: Keep one of pictures of equal bytes, the first by path.
        progress: Called after each batch.

    Raises:
        UsageError: An argument is out of range.
        DataError: No picture can be read; the folder cannot be written, holds other files, or is
            being written by another run.
        IncompatibleArtifact: The store is of another encoder, precision, number of views or seed.
    """
    started = time.monotonic()
    if drop_duplicates and shard is not None:
        raise UsageError(
            "--drop-duplicates goes without --shard, for equal pictures may lie in two shards; "
            "encode without shards, or keep the duplicates"
        )
    pictures = pick_shard(table.rows, shard)
    recipe = Recipe(
        encoder.name, encoder.fingerprint, encoder.precision, encoder.logit_scale, views, seed
    )
    with hold_folder(out):
        index = FeatureIndex()
        before = _open_previous(out, recipe, index)
        journal = Journal(out, recipe, index)
        try:
            encoding = encode_new(
                [picture.path for picture in pictures],
                encoder,
                views=views,
                seed=seed,
                batch_size=batch_size,
                workers=workers,
                known=index,
                keep=journal.add,
                progress=progress,
            )
        finally:
            journal.flush()
        stored, quarantined = _sort_out(pictures, encoding.contents)
        require_some(len(pictures), quarantined)
        duplicates = equal_pictures(stored)
        n_copies = sum(len(group) - 1 for group in duplicates)
        if drop_duplicates:
            dropped = {picture for group in duplicates for picture in group[1:]}
            stored = tuple(picture for picture in stored if picture not in dropped)
        header = StoreHeader.of_pictures(
            stored,
            recipe if before is None else before.header.recipe,
            table.classes,
            tuple(encoder.templates),
            tuple(Quarantined(str(entry.path), entry.reason) for entry in quarantined),
            generation=1 if before is None else before.header.generation,
        )
        if before is None or (header, stored) != (before.header, tuple(before.rows.pictures())):
            if before is not None:
                header = replace(header, generation=header.generation + 1)
            texts = _class_texts(encoder, header, before)
            with write_errors(f"the feature store {out}", ALL_KEPT):
                write_store(out, header, stored, index, texts)
        journal.remove()
    return EncodeReport(
        n_new=encoding.n_new,
        n_reused=len(stored) - encoding.n_new,
        n_removed=_n_removed(before, stored),
        n_total=len(stored),
        n_dropped=n_copies if drop_duplicates else 0,
        duplicates=duplicates,
        quarantined=quarantined,
        seconds=time.monotonic() - started,
        images_per_second=encoding.images_per_second,
    )


def _open_previous(out: Path, recipe: Recipe, index: FeatureIndex) -> FeatureStore | None:
    """The store that `out` holds already; its pictures are entered into `index`."""
    if not (out / HEADER_FILE).exists():
        return None
    store = FeatureStore.open(out)
    recipe.require_same(store.header.recipe, out)
    index.add_store(store)
    return store


def _sort_out(
    pictures: Sequence[ImageRow], contents: Sequence[str | UnreadableImage]
) -> tuple[tuple[StoredPicture, ...], tuple[UnreadableImage, ...]]:
    """Part the pictures into those that have features and those that could not be read."""
    stored: list[StoredPicture] = []
    quarantined: list[UnreadableImage] = []
    for picture, content in zip(pictures, contents, strict=True):
        if isinstance(content, UnreadableImage):
            quarantined.append(content)
        else:
            stored.append(StoredPicture.of(picture, content))
    return tuple(stored), tuple(quarantined)


def _n_removed(before: FeatureStore | None, stored: Sequence[StoredPicture]) -> int:
    hashes = set() if before is None else {picture.sha256 for picture in before.rows.pictures()}
    return len(hashes - {picture.sha256 for picture in stored})


def _class_texts(
    encoder: ImageEncoder, header: StoreHeader, before: FeatureStore | None
) -> dict[str, Float32[np.ndarray, " dim"]]:
    """The text feature of each class; a thousand classes take minutes, so stored ones stay."""
    texts: dict[str, np.ndarray] = {}
    if before is not None and before.header.templates == header.templates:
        texts = before.class_texts()
    new = [name for name in header.classes if name not in texts]
    if new:
        features = encoder.encode_texts([readable_name(name) for name in new])
        texts |= dict(zip(new, features, strict=True))
    return texts
