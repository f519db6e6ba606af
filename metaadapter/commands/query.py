"""The pictures that `metaadapter predict` is asked about, wherever they come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from metaadapter.adapter import AdapterConfig
from metaadapter.commands.console import Console
from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.features import (
    EncodedPictures,
    FeatureStore,
    ImageEncoder,
    encode_rows,
    is_store,
    read_store,
)
from metaadapter.images import read_images

__all__ = ["read_queries"]


def read_queries(
    sources: Sequence[Path],
    config: AdapterConfig,
    load: Callable[[], ImageEncoder],
    *,
    labelled: bool,
    split: str | None,
    console: Console,
) -> EncodedPictures:
    """Features as the adapter expects them: its encoder, its views, its seed.

    Args:
        sources: pictures, folders, manifests and feature stores.
        config: of the adapter.
        load: gives the encoder, checked; called only if there are pictures to encode.
        labelled: read labels, which then every picture must have.
        split: of divided sources; all of them by default, unless labelled.
        console: shows progress, and gets a warning on stores with other views.

    Raises:
        DataError: a source is missing, or not one picture can be read.
        IncompatibleArtifact: a store was made by another encoder, or features have another width.
    """
    tables = [
        read_images(source, labelled=labelled, split=split)
        for source in sources
        if not is_store(source)
    ]
    rows = [row for table in tables for row in table.rows]
    parts = [_of_store(source, config, split, console) for source in sources if is_store(source)]
    if rows:
        encoder = load()
        _require_width(encoder.dim, config, f"those of the encoder {encoder.name}")
        with console.progress() as progress:
            views, seed = config.origin.n_views, config.origin.seed
            encoded = encode_rows(rows, encoder, views=views, seed=seed, progress=progress)
        warnings = tuple(warning for table in tables for warning in table.warnings)
        parts.append(replace(encoded, warnings=warnings))
    queries = parts[0]
    for part in parts[1:]:
        queries = queries + part
    if labelled and "" in queries.labels:
        unlabelled = queries.paths[queries.labels.index("")]
        raise DataError(f"--labelled was given, but {unlabelled} has no label; leave it out")
    return queries


def _of_store(
    source: Path, config: AdapterConfig, split: str | None, console: Console
) -> EncodedPictures:
    store = FeatureStore.open(source)
    config.origin.require_encoder(store.fingerprint, owner="the adapter")
    _require_width(store.fingerprint.dim, config, f"those of the feature store {source}")
    if store.n_views != config.origin.n_views:
        console.warn(
            f"the feature store {source} averages {store.n_views} view(s) of a picture, the "
            f"adapter was made with {config.origin.n_views}; probabilities shift a little"
        )
    return read_store(store, split=split)


def _require_width(width: int, config: AdapterConfig, owner: str) -> None:
    """All that can be checked of an adapter that was made from features of an unnamed encoder."""
    if width != config.width:
        raise IncompatibleArtifact(
            f"the adapter was made from features {config.width} wide, {owner} are {width} wide: "
            "they come from another encoder; use the one that the adapter was made with"
        )
