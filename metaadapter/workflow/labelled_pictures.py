"""The labelled pictures that an adapter is predicted from, wherever they come from."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from metaadapter.data.reader import read_images
from metaadapter.data.table import ImageTable
from metaadapter.errors import DataError, UsageError
from metaadapter.features.encoded_pictures import EncodedPictures, encode_rows, is_store, read_store
from metaadapter.features.encoding_loop import Progress
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Origin
from metaadapter.features.store.feature_store import FeatureStore


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
    zoom: bool | None = None
    """Whether each picture is looked at twice; as in the store, or as the encoder does."""
    blocks: tuple[str, ...] | None = None
    """The blocks of features of each look, by name; as in the store, or as the encoder does."""


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
    descriptions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Sentences on each class that stood with its pictures."""

    @property
    def counts(self) -> dict[str, int]:
        """Number of pictures of each class, sorted by label."""
        return dict(sorted(Counter(self.pictures.labels).items()))


def read_support(
    source: Path,
    selection: Selection,
    load: Callable[..., ImageEncoder],
    *,
    encoder: str | None,
    reads_names: bool,
    check_labels: Callable[[tuple[str, ...]], object],
    cut: Callable[[ImageTable], ImageTable] | None = None,
    progress: Callable[[Progress], None],
) -> LabelledPictures:
    """Encode labelled pictures, or take them from a feature store.

    Args:
        source: a folder, manifest, CoOp split or feature store.
        selection: which pictures are used, and how they are seen.
        load: `load_encoder`, its options given.
        encoder: name of the encoder; that of the store, or `tiny`, by default.
        reads_names: names are given beside those in the store, so that its encoder is needed.
        check_labels: raises if the labels are not what is needed, before pictures are encoded.
        cut: says which part of each picture counts.
        progress: called after each batch that is encoded.

    Raises:
        UsageError: other views or looks are asked for than the store holds, or parts of pictures
            are to be cut out of it.
        DataError: fewer than two classes, or not one picture of some class can be read.
        IncompatibleArtifact: the store was made by another encoder.
    """
    if not is_store(source):
        table = read_images(source, split=selection.split)
        check_labels(table.classes)
        table = table if cut is None else cut(table)
        chosen = load(encoder or "tiny", zoom=selection.zoom, blocks=selection.blocks)
        return _encode(table, chosen, selection, progress)
    if cut is not None:
        raise UsageError(
            f"--detections needs pictures to cut boxes out of, but {source} is a feature store"
        )
    store, loaded = FeatureStore.open(source), None
    recipe = store.origin
    look = partial(load, zoom=recipe.zoom, blocks=recipe.block_names)
    if encoder is not None:
        loaded = look(encoder)
    elif reads_names:
        loaded = look(store.encoder, remembered_by=f"the feature store {source}")
    return _take(store, loaded, selection)


def without_pictures(
    selection: Selection,
    load: Callable[..., ImageEncoder],
    *,
    encoder: str | None,
    unlabelled: Path | None,
) -> LabelledPictures:
    """What an adapter from names alone is made of: an encoder, and no picture.

    The arguments are those of `read_support`; the encoder of a store `unlabelled` is the default.
    """
    zoom, blocks, name, by = selection.zoom, selection.blocks, encoder or "tiny", None
    views = selection.views or 1
    if unlabelled is not None and is_store(unlabelled):
        store = FeatureStore.open(unlabelled)
        _require_as_stored(selection, store)
        recipe, views = store.origin, store.n_views
        zoom, blocks = recipe.zoom, recipe.block_names
        if encoder is None:
            name, by = store.encoder, f"the feature store {unlabelled}"
    chosen = load(name, zoom=zoom, blocks=blocks, remembered_by=by)
    origin = Origin.of(chosen, views, selection.seed)
    nothing = EncodedPictures.joined((), width=chosen.dim)
    return LabelledPictures(nothing, origin, chosen.logit_scale, chosen)


def _encode(
    table: ImageTable,
    encoder: ImageEncoder,
    selection: Selection,
    progress: Callable[[Progress], None],
) -> LabelledPictures:
    drawn = draw_shots([row.label or "" for row in table.rows], selection.shots, selection.seed)
    rows = [table.rows[number] for number in drawn]
    views, seed = selection.views or 1, selection.seed
    pictures = encode_rows(rows, encoder, views=views, seed=seed, progress=progress)
    if lost := sorted(set(table.classes) - set(pictures.labels)):
        raise DataError(
            f"no picture of class {', '.join(map(repr, lost))} can be read: "
            f"{'; '.join(map(str, pictures.quarantined[:3]))}; "
            "replace these pictures, or remove the class"
        )
    return LabelledPictures(
        replace(pictures, warnings=table.warnings + pictures.warnings),
        Origin.of(encoder, views, seed),
        encoder.logit_scale,
        encoder,
        descriptions=table.descriptions,
    )


def _require_as_stored(selection: Selection, store: FeatureStore) -> None:
    """Raise a `UsageError` if other views, looks or blocks are asked for than the store holds."""
    owner, n_views, recipe = f"the feature store {store.folder}", store.n_views, store.origin
    if selection.views not in (None, n_views):
        raise UsageError(
            f"--views {selection.views} was given, but {owner} holds {n_views} view(s) of each "
            "picture; leave --views out, or encode again"
        )
    if selection.zoom not in (None, recipe.zoom):
        raise UsageError(
            f"{'--zoom' if selection.zoom else '--no-zoom'} was given, but {owner} was made "
            f"{'with' if recipe.zoom else 'without'} a zoom; leave it out, or encode again"
        )
    if selection.blocks not in (None, recipe.block_names):
        raise UsageError(
            f"--blocks {','.join(selection.blocks)} was given, but {owner} holds "
            f"{','.join(recipe.block_names)}; leave it out, or encode again"
        )


def _take(
    store: FeatureStore, encoder: ImageEncoder | None, selection: Selection
) -> LabelledPictures:
    _require_as_stored(selection, store)
    owner = f"the feature store {store.folder}"
    if encoder is not None:
        store.fingerprint.require_match(encoder.fingerprint, owner=owner)
    pictures = read_store(store, split=selection.split)
    pictures = pictures.select([i for i, label in enumerate(pictures.labels) if label])
    if (n_classes := len(set(pictures.labels))) < 2:
        raise DataError(
            f"expected pictures of at least two classes in {owner}, found {n_classes}; encode a "
            "folder with one folder per class"
        )
    return LabelledPictures(
        pictures.select(draw_shots(pictures.labels, selection.shots, selection.seed)),
        store.origin,
        store.logit_scale,
        encoder,
        stored_texts=store.class_texts() if encoder is None else None,
    )


def draw_shots(labels: Sequence[str], shots: int | None, seed: int) -> list[int]:
    """Draw at most `shots` pictures of each class, all of them for `None`; their numbers, sorted.

    The draws are nested, so that accuracies can be compared: k shots are among k + 1, and those of
    a class do not depend on which other classes there are.
    """
    if shots is None:
        return list(range(len(labels)))
    numbers = defaultdict(list)
    for number, label in enumerate(labels):
        numbers[label].append(number)
    drawn: list[int] = []
    for label, in_class in numbers.items():
        # An undecodable folder name is carried by surrogates, which plain UTF-8 refuses.
        rng = np.random.default_rng([seed, *label.encode(errors="surrogateescape")])
        drawn += rng.permutation(in_class)[:shots].tolist()
    return sorted(drawn)
