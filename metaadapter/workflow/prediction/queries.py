"""The pictures whose labels an adapter predicts, and the encoder that they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from jaxtyping import Int

from metaadapter.adapter.adapted_encoder import adapted_encoder
from metaadapter.adapter.config import AdapterConfig
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.data.boxes.boxed_table import MIN_CONFIDENCE
from metaadapter.data.reader import read_images
from metaadapter.data.table import CompactRows, ImageRow
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.features.device import Precision
from metaadapter.features.encoded_pictures import EncodedPictures, is_store, pictures_of_split
from metaadapter.features.encoders.encoder_by_name import load_encoder
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Origin
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.views import mean_of_views
from metaadapter.files.checksums import content_hash

# Their features in float64 take 25 MB if a feature is 3008 wide.
STORED_AT_ONCE = 1024


def load_adapter_encoder(
    adapter: Path,
    stored: StoredAdapter,
    override: str | None,
    device: str,
    precision: Precision,
) -> ImageEncoder:
    """Load the encoder of an adapter's features, with the adapter's parts in its towers."""
    config = stored.config
    base = load_base_encoder(adapter, config.origin, config.width, override, device, precision)
    return adapted_encoder(base, stored)


def load_base_encoder(
    adapter: Path,
    origin: Origin,
    width: int,
    override: str | None,
    device: str,
    precision: Precision,
) -> ImageEncoder:
    """Load the encoder that `override` or the adapter names, and check that it fits the adapter."""
    owner = f"the adapter {adapter}"
    name = origin.encoder if override is None else override
    if name is None:
        raise UsageError(
            f"{owner} was made from features and does not name their encoder; name that encoder "
            "with encoder=… (--encoder)"
        )
    remembered_by = owner if override is None else None
    load = partial(
        load_encoder, name, device=device, precision=precision, remembered_by=remembered_by
    )
    encoder: ImageEncoder = load(zoom=origin.zoom, blocks=origin.block_names)
    # Features from an unnamed encoder do not say which looks they have, but their width tells.
    if origin.fingerprint is None and width != encoder.dim:
        others = (load(zoom=True, blocks=blocks) for blocks in (("joint",), None))
        encoder = next((other for other in others if other.dim == width), encoder)
    origin.require_encoder(encoder.fingerprint, owner=owner)
    _require_width(encoder.dim, width, f"those of the encoder {encoder.name}")
    return encoder


@dataclass(frozen=True)
class StoredQueries:
    """The pictures of a store, or of one of its splits, in the order of the store."""

    store: FeatureStore
    split: str | None = None
    warnings: tuple[str, ...] = ()

    @cached_property
    def numbers(self) -> Int[np.ndarray, " n"]:
        """The numbers of the pictures in the store, from 0."""
        return pictures_of_split(self.store, self.split)

    @cached_property
    def digest(self) -> str:
        """A digest of the store's features and table, and of the split."""
        store, names = self.store, self.store.header.files.values()
        facts = [store.proof.files[name] for name in names]
        return content_hash(repr((facts, self.split)))

    def __len__(self) -> int:
        return len(self.numbers)

    def column(self, name: str) -> np.ndarray:
        """Return the `label` of each picture, or "", or its `path`."""
        return self.store.rows.of_pictures(name, self.numbers)

    def read(self, start: int, stop: int) -> EncodedPictures:
        """Read the features of some of the pictures; the warnings come with the first."""
        # A range is read at once, numbers one by one.
        some = slice(start, stop) if self.split is None else self.numbers[start:stop]
        return replace(self.pictures(some), warnings=() if start else self.warnings)

    def pictures(self, some: slice | Int[np.ndarray, " m"]) -> EncodedPictures:
        """Read the features of the pictures of the store with these numbers."""
        features = mean_of_views(self.store.by_picture()[some])
        return EncodedPictures(tuple(self.store.rows.pictures(some)), features)


@dataclass(frozen=True, slots=True)
class Queries:
    """The queries: pictures that feature stores hold, and pictures to encode."""

    stored: tuple[StoredQueries, ...]
    rows: Sequence[ImageRow]
    warnings: tuple[str, ...]
    """Warnings about `rows`."""


def list_queries(
    sources: Sequence[Path],
    config: AdapterConfig,
    *,
    labelled: bool = False,
    other_labels: Sequence[str] = (),
    split: str | None = None,
    pictures: Path | None = None,
    min_confidence: float = MIN_CONFIDENCE,
) -> Queries:
    """List the pictures of all sources; no picture is encoded.

    Without `split`, a source with several splits is read whole, but refused if pictures must be
    `labelled`. Labels may be the classes or `other_labels`. Boxes below `min_confidence` are left
    out of a source of boxes, whose pictures are in the folder `pictures`, or near it.
    """
    tables = [
        read_images(
            source,
            labelled=labelled,
            split=split,
            n_classes=1,
            pictures=pictures,
            min_confidence=min_confidence,
        )
        for source in sources
        if not is_store(source)
    ]
    if pictures is not None and not tables:
        raise UsageError(
            "pictures (--pictures) is the folder of the pictures that boxes belong to, and feature "
            "stores have no boxes; leave it out"
        )
    stored = [_store_for(source, config, split) for source in sources if is_store(source)]
    rows: Sequence[ImageRow] = CompactRows(row for table in tables for row in table.rows)
    if len(tables) == 1:
        rows = tables[0].rows
    if labelled:
        _require_labels(stored, rows, [*map(str, config.classes), *other_labels])
    warnings = tuple(warning for table in tables for warning in table.warnings)
    return Queries(tuple(stored), rows, warnings)


def open_store(source: Path, origin: Origin, split: str | None = None) -> StoredQueries:
    """Open a store whose features can be compared with those of this origin."""
    store = FeatureStore.open(source)
    origin.require_encoder(store.fingerprint, owner="the adapter")
    if store.n_views == origin.n_views:
        return StoredQueries(store, split)
    warning = (
        f"the feature store {source} averages {store.n_views} view(s) of a picture, but the "
        f"adapter is made with {origin.n_views}; probabilities shift a little"
    )
    return StoredQueries(store, split, (warning,))


def _store_for(source: Path, config: AdapterConfig, split: str | None) -> StoredQueries:
    """Open a store whose labels the adapter of this configuration can predict."""
    if config.inside is not None:
        raise UsageError(
            f"the feature store {source} holds features of the encoder itself, but the adapter has "
            "trained parts in the encoder's towers; give the pictures instead"
        )
    queries = open_store(source, config.origin, split)
    width = queries.store.fingerprint.dim
    _require_width(width, config.width, f"those of the feature store {source}")
    return queries


def _require_labels(
    stored: Sequence[StoredQueries], rows: Sequence[ImageRow], classes: Sequence[str]
) -> None:
    columns: list[tuple[Sequence[str], Sequence[object] | np.ndarray]]
    columns = [(one.column("label").tolist(), one.column("path")) for one in stored]
    columns.append(([row.label or "" for row in rows], [row.path for row in rows]))
    for labels, paths in columns:
        if "" in labels:
            unlabelled = paths[labels.index("")]
            raise DataError(
                f"{unlabelled} has no label, but labelled (--labelled) needs one; leave it out"
            )
        if unknown := sorted(set(labels) - set(classes)):
            raise DataError(
                f"the pictures have the labels {', '.join(map(repr, unknown[:5]))}, which are not "
                f"classes of the adapter ({', '.join(map(repr, classes[:5]))}"
                f"{', …' if len(classes) > 5 else ''}); rename the folders, or leave labelled "
                "(--labelled) out"
            )


def _require_width(width: int, expected: int, owner: str) -> None:
    """Check the width, which is all that is known about features from an unnamed encoder."""
    if width != expected:
        raise IncompatibleArtifact(
            f"the adapter was made from features {expected} wide, but {owner} are {width} "
            "wide; use the encoder that the adapter was made with"
        )
