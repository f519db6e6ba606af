"""The pictures that `metaadapter predict` is to classify, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from metaadapter.adapter import AdapterConfig
from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.features import (
    EncodedPictures,
    FeatureStore,
    ImageEncoder,
    Progress,
    encode_rows,
    is_store,
    read_store,
)
from metaadapter.features.encoded_pictures import require_some
from metaadapter.images import ImageRow, UnreadableImage, read_images
from metaadapter.task.scores import require_known_labels

__all__ = ["read_queries"]

# An interrupted run loses this many pictures at most, and several batches still overlap in it.
PICTURES_AT_ONCE = 128


def read_queries(
    sources: Sequence[Path],
    config: AdapterConfig,
    load: Callable[[], ImageEncoder],
    *,
    labelled: bool,
    split: str | None,
    progress: Callable[[Progress], None] | None = None,
) -> Iterator[EncodedPictures]:
    """Yield features as the adapter expects them, some pictures at a time: stores, then pictures.

    All sources are looked at before the first picture is encoded.

    Args:
        sources: pictures, folders, manifests and feature stores.
        config: facts of the adapter: its encoder, views and seed.
        load: gives the encoder, checked; called only if there are pictures to encode.
        labelled: read labels, which then every picture must have.
        split: the split to read of divided sources; all of them by default, unless labelled.
        progress: called after each batch that is encoded.

    Raises:
        DataError: a source is missing, a label is no class of the adapter, or not one picture can
            be read.
        IncompatibleArtifact: a store was made by another encoder, or features have another width.
    """
    tables = [
        read_images(source, labelled=labelled, split=split, n_classes=1)
        for source in sources
        if not is_store(source)
    ]
    stored = [_of_store(source, config, split) for source in sources if is_store(source)]
    rows = [row for table in tables for row in table.rows]
    if labelled:
        _require_labels(stored, rows, [str(label) for label in config.classes])
    encoder = load() if rows else None
    yield from stored
    if encoder is None:
        return
    _require_width(encoder.dim, config, f"those of the encoder {encoder.name}")
    warnings = tuple(warning for table in tables for warning in table.warnings)
    for part in _encode(rows, encoder, config, progress):
        yield replace(part, warnings=warnings + part.warnings)
        warnings = ()


def _encode(
    rows: Sequence[ImageRow],
    encoder: ImageEncoder,
    config: AdapterConfig,
    progress: Callable[[Progress], None] | None,
) -> Iterator[EncodedPictures]:
    views, seed = config.origin.n_views, config.origin.seed
    unreadable: list[UnreadableImage] = []
    for start in range(0, len(rows), PICTURES_AT_ONCE):
        some = rows[start : start + PICTURES_AT_ONCE]
        tell = _among(progress, start, len(rows))
        part = encode_rows(some, encoder, views=views, seed=seed, progress=tell)
        unreadable += part.quarantined
        yield part
    require_some(len(rows), unreadable)


def _among(
    progress: Callable[[Progress], None] | None, n_before: int, n_pictures: int
) -> Callable[[Progress], None] | None:
    """Tell of some pictures as part of all."""
    if progress is None:
        return None

    def tell(moment: Progress) -> None:
        if moment.stage == "encode":
            progress(replace(moment, done=n_before + moment.done, total=n_pictures))

    return tell


def _of_store(source: Path, config: AdapterConfig, split: str | None) -> EncodedPictures:
    store = FeatureStore.open(source)
    config.origin.require_encoder(store.fingerprint, owner="the adapter")
    _require_width(store.fingerprint.dim, config, f"those of the feature store {source}")
    pictures = read_store(store, split=split)
    if store.n_views == config.origin.n_views:
        return pictures
    warning = (
        f"the feature store {source} averages {store.n_views} view(s) of a picture, the adapter "
        f"was made with {config.origin.n_views}; probabilities shift a little"
    )
    return replace(pictures, warnings=(*pictures.warnings, warning))


def _require_labels(
    stored: Sequence[EncodedPictures], rows: Sequence[ImageRow], classes: Sequence[str]
) -> None:
    for pictures in stored:
        if "" in pictures.labels:
            unlabelled = pictures.paths[pictures.labels.index("")]
            raise DataError(f"--labelled was given, but {unlabelled} has no label; leave it out")
        require_known_labels(pictures.labels, classes)
    require_known_labels((row.label or "" for row in rows), classes)


def _require_width(width: int, config: AdapterConfig, owner: str) -> None:
    """Check all that can be checked of an adapter made from features of an unnamed encoder."""
    if width != config.width:
        raise IncompatibleArtifact(
            f"the adapter was made from features {config.width} wide, {owner} are {width} wide: "
            "they come from another encoder; use the one that the adapter was made with"
        )
