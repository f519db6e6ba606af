"""The labelled pictures that an adapter is predicted from, and where they come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from metaadapter.adapter import Origin
from metaadapter.errors import DataError, UsageError
from metaadapter.features import (
    EncodedPictures,
    FeatureStore,
    Fingerprint,
    FrozenEncoder,
    Progress,
    encode_rows,
    read_store,
)
from metaadapter.images import ImageTable, UnreadableImage
from metaadapter.task.shots import draw_shots

__all__ = ["LabelledPictures", "Selection", "encode_labelled", "read_labelled"]


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
    """Labelled features, where they come from, and what was noticed on the way."""

    pictures: EncodedPictures
    origin: Origin
    logit_scale: float
    encoder: FrozenEncoder | None
    """`None` where a store tells all that is needed of it."""
    stored_texts: Mapping[str, Float[np.ndarray, " dim"]] | None = None
    """Text feature of each class, where it comes from a store and no encoder is loaded."""
    warnings: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Number of pictures of each class, sorted by label."""
        return dict(sorted(Counter(self.pictures.labels).items()))


def encode_labelled(
    table: ImageTable,
    encoder: FrozenEncoder,
    selection: Selection,
    progress: Callable[[Progress], None] | None = None,
) -> LabelledPictures:
    """Encode labelled pictures, as `read_images` found them in the split that is selected.

    Raises:
        DataError: not one picture of some class can be read.
    """
    drawn = draw_shots([row.label or "" for row in table.rows], selection.shots, selection.seed)
    views = selection.views or 1
    rows = [table.rows[number] for number in drawn]
    pictures = encode_rows(rows, encoder, views=views, seed=selection.seed, progress=progress)
    _require_pictures_of(table.classes, pictures.labels, pictures.quarantined)
    origin = _origin(encoder.name, encoder.fingerprint, views, selection.seed)
    return LabelledPictures(pictures, origin, encoder.logit_scale, encoder, warnings=table.warnings)


def read_labelled(
    store: FeatureStore, encoder: FrozenEncoder | None, selection: Selection
) -> LabelledPictures:
    """Take labelled features from a store; `encoder` only where names are to be read.

    Raises:
        UsageError: other views are asked for than the store holds.
        DataError: fewer than two classes.
        IncompatibleArtifact: the store was made by another encoder.
    """
    if selection.views not in (None, store.n_views):
        raise UsageError(
            f"--views {selection.views} was given, but the feature store {store.folder} holds "
            f"{store.n_views} view(s) of each picture; leave --views out, or encode again"
        )
    if encoder is not None:
        owner = f"the feature store {store.folder}"
        store.fingerprint.require_match(encoder.fingerprint, owner=owner)
    pictures = read_store(store, split=selection.split)
    labelled = [number for number, label in enumerate(pictures.labels) if label]
    pictures = pictures.select(labelled)
    if len(set(pictures.labels)) < 2:
        raise DataError(
            f"expected pictures of at least two classes in the feature store {store.folder}, "
            f"found {len(set(pictures.labels))}; encode a folder with one folder per class"
        )
    pictures = pictures.select(draw_shots(pictures.labels, selection.shots, selection.seed))
    origin = _origin(store.encoder, store.fingerprint, store.n_views, store.header.recipe.seed)
    texts = store.class_texts() if encoder is None else None
    return LabelledPictures(pictures, origin, store.logit_scale, encoder, stored_texts=texts)


def _origin(encoder: str, fingerprint: Fingerprint, n_views: int, seed: int) -> Origin:
    return Origin(encoder=encoder, fingerprint=fingerprint.to_dict(), n_views=n_views, seed=seed)


def _require_pictures_of(
    classes: Sequence[str], labels: Sequence[str], quarantined: Sequence[UnreadableImage]
) -> None:
    lost = sorted(set(classes) - set(labels))
    if lost:
        raise DataError(
            f"no picture of class {', '.join(map(repr, lost))} can be read: "
            f"{'; '.join(str(picture) for picture in quarantined[:3])}; "
            "replace these pictures, or remove the class"
        )
