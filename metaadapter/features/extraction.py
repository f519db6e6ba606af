"""Encoding pictures into a feature store; what the store holds already is not encoded again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from metaadapter.errors import DataError, UsageError
from metaadapter.features.encoding_loop import (
    EncodedBatch,
    ImageEncoder,
    encode_pictures,
    hash_pictures,
)
from metaadapter.features.progress import EncodeReport, Progress, ProgressMeter
from metaadapter.features.prompts import readable_name
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.folder import HEADER_FILE, hold_folder, write_errors
from metaadapter.features.store.header import Quarantined
from metaadapter.features.store.journal import BlockWriter, Journal
from metaadapter.features.store.recipe import Recipe
from metaadapter.features.store.rows import StoredPicture
from metaadapter.features.store.shards import pick_shard
from metaadapter.features.store.writer import FeatureIndex, StoreContents, write_store
from metaadapter.images import ImageRow, ImageTable, UnreadableImage

__all__ = ["encode_to_store"]

# A killed run loses this much work at most.
BLOCK_SECONDS = 2.0
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
    block_seconds: float = BLOCK_SECONDS,
    progress: Callable[[Progress], None] | None = None,
) -> EncodeReport:
    """Make `out` the feature store of the pictures in `table`.

    Pictures are known by their bytes: moved ones are not encoded again, those that left the table
    leave the store. A run that is stopped at any moment is continued by the next.

    Args:
        table: What `read_images` found.
        encoder: A `FrozenEncoder`.
        out: Folder of the store; made if it is not there.
        views: Rows per picture: the centre view and `views` − 1 random crops.
        seed: Of the random crops.
        batch_size: Rows that the encoder takes at a time.
        workers: Threads that read and encode pictures; as many as torch uses if `None`.
        shard: (i, n): only the i-th of n parts of the pictures, i from 1; see `merge_stores`.
        block_seconds: Time between two writes of finished features.
        progress: Called after each batch.

    Raises:
        UsageError: An argument is out of range.
        DataError: No picture can be read; the folder cannot be written, holds other files, or is
            being written by another run.
        IncompatibleArtifact: The store is of another encoder, precision, number of views or seed.
    """
    started = time.monotonic()
    workers = torch.get_num_threads() if workers is None else workers
    _require_positive(views=views, batch_size=batch_size, workers=workers)
    pictures = pick_shard(table.rows, shard)
    recipe = Recipe(
        encoder.name, encoder.fingerprint, encoder.precision, encoder.logit_scale, views, seed
    )
    with hold_folder(out):
        index = FeatureIndex()
        before = _open_previous(out, recipe, index)
        journal = Journal(out, recipe, index)
        hashes = _hash(pictures, workers, progress)
        missing = _paths_of_missing(pictures, hashes, index)
        meter = ProgressMeter("encode", len(missing), progress, n_quarantined=_n_unreadable(hashes))
        with journal.writer(block_seconds) as writer:
            batches = encode_pictures(missing, encoder, recipe, batch_size, workers)
            failures = _collect(batches, writer, meter)
        rate = meter.rate
        stored, quarantined = _sort_out(pictures, hashes, failures)
        contents = StoreContents(
            recipe if before is None else before.header.recipe,
            stored,
            table.classes,
            tuple(encoder.templates),
            tuple(Quarantined(str(entry.path), entry.reason) for entry in quarantined),
        )
        _commit(out, contents, encoder, index, before)
        journal.remove()
    n_new = len(missing) - len(failures)
    return EncodeReport(
        n_new=n_new,
        n_reused=len(stored) - n_new,
        n_removed=_n_removed(before, stored),
        n_total=len(stored),
        quarantined=quarantined,
        seconds=time.monotonic() - started,
        images_per_second=rate,
    )


def _require_positive(**arguments: int) -> None:
    for name, value in arguments.items():
        if value < 1:
            raise UsageError(f"{name} must be 1 or more, and {value} came")


def _open_previous(out: Path, recipe: Recipe, index: FeatureIndex) -> FeatureStore | None:
    """The store that `out` holds already, its pictures entered into `index`."""
    if not (out / HEADER_FILE).exists():
        return None
    store = FeatureStore.open(out)
    recipe.require_same(store.header.recipe, out)
    index.add_store(store)
    return store


def _hash(
    pictures: Sequence[ImageRow], workers: int, progress: Callable[[Progress], None] | None
) -> list[str | UnreadableImage]:
    hashes: list[str | UnreadableImage] = []
    meter = ProgressMeter("hash", len(pictures), progress)
    for some in hash_pictures([picture.path for picture in pictures], workers):
        hashes += some
        meter.advance(len(some), n_unreadable=_n_unreadable(some))
    return hashes


def _n_unreadable(entries: Iterable[str | UnreadableImage]) -> int:
    return sum(isinstance(entry, UnreadableImage) for entry in entries)


def _paths_of_missing(
    pictures: Sequence[ImageRow], hashes: Sequence[str | UnreadableImage], index: FeatureIndex
) -> dict[str, list[Path]]:
    """The files of each content that has no features yet."""
    missing: dict[str, list[Path]] = {}
    for picture, sha256 in zip(pictures, hashes, strict=True):
        if isinstance(sha256, str) and sha256 not in index:
            missing.setdefault(sha256, []).append(picture.path)
    return missing


def _collect(
    batches: Iterable[EncodedBatch], writer: BlockWriter, meter: ProgressMeter
) -> dict[str, UnreadableImage]:
    """Hand the features to the writer; returns what could not be read, by content hash."""
    failures: dict[str, UnreadableImage] = {}
    for batch in batches:
        writer.add(batch.hashes, batch.features)
        failures |= batch.failures
        n_finished = len(batch.hashes) + len(batch.failures)
        meter.advance(n_finished, n_unreadable=len(batch.failures))
    return failures


def _sort_out(
    pictures: Sequence[ImageRow],
    hashes: Sequence[str | UnreadableImage],
    failures: Mapping[str, UnreadableImage],
) -> tuple[tuple[StoredPicture, ...], tuple[UnreadableImage, ...]]:
    """Part the pictures into those that have features and those that could not be read."""
    stored: list[StoredPicture] = []
    quarantined: list[UnreadableImage] = []
    for picture, sha256 in zip(pictures, hashes, strict=True):
        if isinstance(sha256, UnreadableImage):
            quarantined.append(sha256)
        elif sha256 in failures:
            quarantined.append(UnreadableImage(picture.path, failures[sha256].reason))
        else:
            facts = (picture.label or "", picture.split or "", picture.group or "")
            stored.append(StoredPicture(str(picture.path), *facts, sha256))
    if not pictures:
        raise DataError("there are no pictures to encode; name a folder or a list that has some")
    if not stored:
        raise DataError(
            f"none of the {len(pictures)} pictures could be read, so there is nothing to store. "
            "The first: " + "; ".join(str(error) for error in quarantined[:3])
        )
    return tuple(stored), tuple(quarantined)


def _n_removed(before: FeatureStore | None, stored: Sequence[StoredPicture]) -> int:
    hashes = set() if before is None else {picture.sha256 for picture in before.rows.pictures()}
    return len(hashes - {picture.sha256 for picture in stored})


def _commit(
    out: Path,
    contents: StoreContents,
    encoder: ImageEncoder,
    index: FeatureIndex,
    before: FeatureStore | None,
) -> None:
    """Write the store anew, if it is to hold anything else than before."""
    if before is not None and contents == StoreContents.of(before):
        return
    texts = _class_texts(encoder, contents, before)
    generation = 1 if before is None else before.header.generation + 1
    with write_errors(out, ALL_KEPT):
        write_store(out, contents, index, texts, generation=generation)


def _class_texts(
    encoder: ImageEncoder, contents: StoreContents, before: FeatureStore | None
) -> dict[str, Float32[np.ndarray, " dim"]]:
    """The text feature of each class; a thousand classes take minutes, so stored ones stay."""
    texts: dict[str, np.ndarray] = {}
    if before is not None and before.header.templates == contents.templates:
        texts = before.class_texts()
    new = [name for name in contents.classes if name not in texts]
    if new:
        features = encoder.encode_texts([readable_name(name) for name in new])
        texts |= dict(zip(new, features, strict=True))
    return texts
