"""The labelled pictures that an adapter is predicted from, wherever they come from."""

from __future__ import annotations

from collections import Counter, defaultdict
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
    ImageEncoder,
    Progress,
    encode_rows,
    read_store,
)
from metaadapter.images import ImageTable, UnreadableImage

__all__ = [
    "Selection",
    "Support",
    "draw_shots",
    "support_of_pictures",
    "support_of_store",
]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which pictures of a source are used, and how they are seen."""

    split: str | None = None
    shots: int | None = None
    """Pictures of each class to draw; all by default."""
    views: int | None = None
    """Of each picture; those of the store, or one, by default."""
    seed: int = 0
    """Of the draw and of the views."""


@dataclass(frozen=True, slots=True, eq=False)
class Support:
    """Labelled features, where they come from, and what was noticed on the way."""

    pictures: EncodedPictures
    origin: Origin
    logit_scale: float | None
    encoder: ImageEncoder | None
    """`None` where a store tells all that is needed of it."""
    stored_texts: Mapping[str, Float[np.ndarray, " dim"]] | None = None
    """Of each class, where they come from a store and the encoder is not loaded."""
    warnings: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Pictures of each class, sorted by label."""
        return dict(sorted(Counter(self.pictures.labels).items()))


def support_of_pictures(
    table: ImageTable,
    encoder: ImageEncoder,
    selection: Selection,
    progress: Callable[[Progress], None] | None = None,
) -> Support:
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
    return Support(pictures, origin, encoder.logit_scale, encoder, warnings=table.warnings)


def support_of_store(
    store: FeatureStore, encoder: ImageEncoder | None, selection: Selection
) -> Support:
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
    return Support(pictures, origin, store.logit_scale, encoder, stored_texts=texts)


def _origin(encoder: str, fingerprint: Fingerprint, n_views: int, seed: int) -> Origin:
    return Origin(encoder=encoder, fingerprint=fingerprint.to_dict(), n_views=n_views, seed=seed)


def draw_shots(labels: Sequence[str], shots: int | None, seed: int) -> list[int]:
    """Numbers of at most `shots` pictures of each class, sorted.

    The draws are nested, so that accuracies can be compared: k shots are among k + 1, and a class
    has the same ones whatever other classes there are.
    """
    if shots is None:
        return list(range(len(labels)))
    numbers = defaultdict(list)
    for number, label in enumerate(labels):
        numbers[label].append(number)
    drawn = []
    for label, of_class in numbers.items():
        # An undecodable folder name is carried by surrogates, which plain UTF-8 refuses.
        rng = np.random.default_rng([seed, *label.encode(errors="surrogateescape")])
        drawn.append(rng.permutation(of_class)[:shots])
    return sorted(np.concatenate(drawn).tolist())


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
