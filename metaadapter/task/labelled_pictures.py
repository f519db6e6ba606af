"""The labelled pictures that an adapter is predicted from, wherever they come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from metaadapter.adapter import Origin
from metaadapter.errors import DataError, UsageError
from metaadapter.features import (
    EncodedPictures,
    FeatureStore,
    ImageEncoder,
    Progress,
    encode_rows,
    is_store,
    read_store,
)
from metaadapter.images import ImageTable, read_images
from metaadapter.task.shots import draw_shots

__all__ = ["LabelledPictures", "Selection", "read_support"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which pictures of a source are used, and how they are seen."""

    split: str | None = None
    shots: int | None = None
    """Pictures of each class to draw; all by default."""
    views: int | None = None
    """Views of each picture; those of the store, or one, by default."""
    seed: int = 0
    """Seed of the draw and of the views."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPictures:
    """Labelled features, and where they come from."""

    pictures: EncodedPictures
    origin: Origin
    logit_scale: float | None
    encoder: ImageEncoder | None
    """`None` where a store tells all that is needed of it."""
    stored_texts: Mapping[str, Float[np.ndarray, " dim"]] | None = None
    """Text feature of each class, where it comes from a store and no encoder is loaded."""

    @property
    def counts(self) -> dict[str, int]:
        """Number of pictures of each class, sorted by label."""
        return dict(sorted(Counter(self.pictures.labels).items()))

    @property
    def paths_by_class(self) -> list[str]:
        """The paths sorted by label; within a class in the order of the pictures."""
        labelled = zip(self.pictures.labels, self.pictures.paths, strict=True)
        return [path for _, path in sorted(labelled, key=lambda pair: pair[0])]


def read_support(
    source: Path,
    selection: Selection,
    load: Callable[..., ImageEncoder],
    *,
    encoder: str | None,
    reads_names: bool,
    check_labels: Callable[[tuple[str, ...]], object],
    progress: Callable[[Progress], None] | None = None,
) -> LabelledPictures:
    """Encode labelled pictures, or take them from a feature store.

    Args:
        source: a folder, manifest, CoOp split or feature store.
        selection: which pictures are used, and how they are seen.
        load: `load_encoder`, its options given.
        encoder: name of the encoder; that of the store, or `tiny`, by default.
        reads_names: names are given beside those in the store, so that its encoder is needed.
        check_labels: raises if the labels are not what is needed, before pictures are encoded.
        progress: called after each batch that is encoded.

    Raises:
        UsageError: other views are asked for than the store holds.
        DataError: fewer than two classes, or not one picture of some class can be read.
        IncompatibleArtifact: the store was made by another encoder.
    """
    if not is_store(source):
        table = read_images(source, split=selection.split)
        check_labels(table.classes)
        return _encode(table, load(encoder or "tiny"), selection, progress)
    store = FeatureStore.open(source)
    if encoder is not None:
        return _take(store, load(encoder), selection)
    if reads_names:
        owner = f"the feature store {source}"
        return _take(store, load(store.encoder, remembered_by=owner), selection)
    return _take(store, None, selection)


def _encode(
    table: ImageTable,
    encoder: ImageEncoder,
    selection: Selection,
    progress: Callable[[Progress], None] | None,
) -> LabelledPictures:
    drawn = draw_shots([row.label or "" for row in table.rows], selection.shots, selection.seed)
    rows = [table.rows[number] for number in drawn]
    views, seed = selection.views or 1, selection.seed
    pictures = encode_rows(rows, encoder, views=views, seed=seed, progress=progress)
    _require_pictures_of(table.classes, pictures)
    return LabelledPictures(
        replace(pictures, warnings=table.warnings + pictures.warnings),
        Origin(encoder=encoder.name, fingerprint=encoder.fingerprint, n_views=views, seed=seed),
        encoder.logit_scale,
        encoder,
    )


def _take(
    store: FeatureStore, encoder: ImageEncoder | None, selection: Selection
) -> LabelledPictures:
    if selection.views not in (None, store.n_views):
        raise UsageError(
            f"--views {selection.views} was given, but the feature store {store.folder} holds "
            f"{store.n_views} view(s) of each picture; leave --views out, or encode again"
        )
    if encoder is not None:
        owner = f"the feature store {store.folder}"
        store.fingerprint.require_match(encoder.fingerprint, owner=owner)
    pictures = read_store(store, split=selection.split)
    pictures = pictures.select([i for i, label in enumerate(pictures.labels) if label])
    if len(set(pictures.labels)) < 2:
        raise DataError(
            f"expected pictures of at least two classes in the feature store {store.folder}, "
            f"found {len(set(pictures.labels))}; encode a folder with one folder per class"
        )
    return LabelledPictures(
        pictures.select(draw_shots(pictures.labels, selection.shots, selection.seed)),
        Origin(
            encoder=store.encoder,
            fingerprint=store.fingerprint,
            n_views=store.n_views,
            seed=store.header.recipe.seed,
        ),
        store.logit_scale,
        encoder,
        stored_texts=store.class_texts() if encoder is None else None,
    )


def _require_pictures_of(classes: Sequence[str], pictures: EncodedPictures) -> None:
    if lost := sorted(set(classes) - set(pictures.labels)):
        raise DataError(
            f"no picture of class {', '.join(map(repr, lost))} can be read: "
            f"{'; '.join(str(picture) for picture in pictures.quarantined[:3])}; "
            "replace these pictures, or remove the class"
        )
