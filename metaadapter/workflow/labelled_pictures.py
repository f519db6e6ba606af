"""The labelled pictures that an adapter is predicted from: picture files or a feature store."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from metaadapter.data.boxes.boxed_table import MIN_CONFIDENCE
from metaadapter.data.capture_time import are_whole_frames, with_series
from metaadapter.data.class_names import alike_labels, spelled_alike
from metaadapter.data.label_sets import joined, labels_in, one_row_per_picture
from metaadapter.data.reader import read_images
from metaadapter.data.table import CompactRows, ImageTable
from metaadapter.errors import DataError, UsageError
from metaadapter.features.blocks import default_blocks, default_encoder
from metaadapter.features.encoded_pictures import EncodedPictures, encode_rows, is_store, read_store
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Origin
from metaadapter.features.store.feature_store import FeatureStore


@dataclass(frozen=True, slots=True)
class Selection:
    """The pictures of a source that are used, and how they are encoded."""

    split: str | None = None
    shots: int | None = None
    """The number of pictures of each class to draw; all by default."""
    views: int | None = None
    """The number of views of each picture; as in the store, or 1, by default."""
    seed: int = 0
    """The seed of the draw and of the views."""
    zoom: bool | None = None
    """Whether each picture has a second look, the zoom; as in the store or encoder by default."""
    blocks: tuple[str, ...] | None = None
    """The names of the blocks of each look; by default as in the store, or `default_blocks`."""
    pictures: Path | None = None
    """The folder of the pictures that a source of boxes names; by default near the source."""
    min_confidence: float = MIN_CONFIDENCE
    """Boxes of a lower confidence are left out of a source of boxes."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The encoder and the selection for reading the pictures of a task."""

    load: Callable[..., ImageEncoder]
    """`load_encoder` with its options."""
    selection: Selection = Selection()


@dataclass(frozen=True, slots=True)
class Cut:
    """Functions that replace the pictures of a table by parts of them, such as a detector's boxes.

    `None` leaves the pictures whole.
    """

    labelled: Callable[[ImageTable], ImageTable] | None = None
    unlabelled: Callable[[ImageTable], ImageTable] | None = None


WHOLE = Cut()
"""Pictures are used as they are."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPictures:
    """Labelled pictures with their features, and the origin of the features."""

    pictures: EncodedPictures
    origin: Origin
    logit_scale: float | None
    encoder: ImageEncoder | None
    """`None` if a feature store holds all that is needed from the encoder."""
    stored_texts: Mapping[str, Float[np.ndarray, " dim"]] | None = None
    """The text feature of each class, if a store has them and no encoder is loaded."""
    descriptions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Label → sentences about the class that came with the pictures."""
    several: bool = False
    """Whether a picture may have several labels, in a cell such as "fox;snow"."""

    @property
    def counts(self) -> dict[str, int]:
        """Label → number of pictures, sorted by label."""
        return dict(sorted(_counts(self.pictures.labels, several=self.several).items()))


def _counts(cells: Iterable[str], *, several: bool) -> Counter[str]:
    """Return label → number of the pictures, with these cells, that show it."""
    return Counter(
        label for cell in cells for label in (labels_in(cell) if several else [cell]) if label
    )


def read_labelled(
    source: Path | None,
    reading: Reading,
    *,
    encoder: str | None,
    reads_names: bool = False,
    check_labels: Callable[[tuple[str, ...]], object] = lambda _: None,
    cut: Callable[[ImageTable], ImageTable] | None = None,
    several: bool = False,
) -> LabelledPictures:
    """Encode labelled pictures, or read them from a store; a `source` of `None` has no pictures.

    `check_labels` may raise before pictures are encoded. `reads_names` loads the encoder of a
    store, to read names that the store does not have. With `several` labels, copies of a picture
    are one picture, which has the labels of all.
    """
    selection, load = reading.selection, reading.load
    if source is None:
        check_labels(())
        loaded = load(encoder or "tiny", zoom=selection.zoom, blocks=selection.blocks)
        nothing = EncodedPictures.joined((), width=loaded.dim)
        origin = Origin.of(loaded, selection.views or 1, selection.seed)
        return LabelledPictures(nothing, origin, loaded.logit_scale, loaded)
    if not is_store(source):
        table = read_images(
            source,
            split=selection.split,
            n_classes=1 if several else 2,
            pictures=selection.pictures,
            min_confidence=selection.min_confidence,
        )
        table = one_row_per_picture(table) if several else with_series(table)
        cells = [row.label or "" for row in table.rows]
        check_labels(_classes(cells, f"{source}", several=several))
        table = table if cut is None else cut(table)
        whole_frames = not several and are_whole_frames(table.rows, table.classes)
        name = encoder or default_encoder(whole_frames=whole_frames)
        boxed = not several and any(row.box for row in table.rows)
        blocks = default_blocks(selection.blocks, name, is_camera_trap=whole_frames or boxed)
        loaded = load(name, zoom=selection.zoom, blocks=blocks)
        return _encode(table, loaded, reading, several=several)
    require_pictures(source, cut)
    store, from_store = FeatureStore.open(source), None
    recipe = store.origin
    load = partial(load, zoom=recipe.zoom, blocks=recipe.block_names)
    if encoder is not None:
        from_store = load(encoder)
    elif reads_names:
        from_store = load(store.encoder, remembered_by=f"the feature store {source}")
    return _read_store(store, from_store, selection, several=several)


def _classes(cells: Iterable[str], owner: str, *, several: bool) -> tuple[str, ...]:
    """Return the sorted classes of these labels; `DataError` with fewer than two."""
    classes = tuple(sorted(_counts(cells, several=several)))
    if len(classes) < 2:
        raise DataError(
            f"expected labels of at least two classes in {owner}, got "
            f"{', '.join(classes) or 'none'}; give more labels"
        )
    return classes


def require_pictures(store: Path, cut: object) -> None:
    """Raise a `UsageError` if parts are cut out of pictures, and there is only a store of them."""
    if cut is not None:
        raise UsageError(
            f"boxes (--detections) are cut out of pictures, but {store} is a feature store; give "
            "the pictures"
        )


def _encode(
    table: ImageTable, encoder: ImageEncoder, reading: Reading, *, several: bool
) -> LabelledPictures:
    selection, cells = reading.selection, [row.label or "" for row in table.rows]
    drawn = draw_shots(cells, selection.shots, selection.seed)
    rows = CompactRows(table.rows[number] for number in drawn)
    views, seed = selection.views or 1, selection.seed
    pictures = encode_rows(rows, encoder, views=views, seed=seed)
    if several:
        # Equal pictures with different labels are one picture here, and no contradiction.
        pictures = _without_copies(replace(pictures, warnings=()))
    labelled = LabelledPictures(
        replace(pictures, warnings=(*table.warnings, *pictures.warnings)),
        Origin.of(encoder, views, seed),
        encoder.logit_scale,
        encoder,
        descriptions=table.descriptions,
        several=several,
    )
    wanted = _classes(cells, "the pictures", several=several)
    if unread := sorted({*wanted} - labelled.counts.keys()):
        raise DataError(
            f"no picture of class {', '.join(map(repr, unread))} can be read: "
            f"{'; '.join(map(str, pictures.quarantined[:3]))}; "
            "replace these pictures, or remove the class"
        )
    return labelled


def _without_copies(pictures: EncodedPictures) -> EncodedPictures:
    """Return each picture once, with the labels of all its copies."""
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for number, sha256 in enumerate(pictures.sha256):
        numbers[sha256].append(number)
    kept = pictures.select([copies[0] for copies in numbers.values()])
    cells = [joined(pictures.labels[number] for number in copies) for copies in numbers.values()]
    relabelled = tuple(
        picture._replace(label=cell) for picture, cell in zip(kept.pictures, cells, strict=True)
    )
    return replace(kept, pictures=relabelled)


def _require_as_stored(selection: Selection, store: FeatureStore) -> None:
    """Raise a `UsageError` if other looks are chosen than those of which the store has features."""
    looks = selection.views, selection.zoom, selection.blocks
    stored = store.n_views, store.origin.zoom, store.origin.block_names
    for name, chosen, held in zip(("views", "zoom", "blocks"), looks, stored, strict=True):
        if chosen not in (None, held):
            wanted, there = (
                "+".join(value) if isinstance(value, tuple) else value for value in (chosen, held)
            )
            raise UsageError(
                f"{name} is {wanted}, but the feature store {store.folder} was made with {name} "
                f"{there}; leave {name} out, or encode again"
            )


def _read_store(
    store: FeatureStore,
    encoder: ImageEncoder | None,
    selection: Selection,
    *,
    several: bool,
) -> LabelledPictures:
    _require_as_stored(selection, store)
    owner = f"the feature store {store.folder}"
    if encoder is not None:
        store.fingerprint.require_match(encoder.fingerprint, owner=owner)
    pictures = read_store(store, split=selection.split)
    pictures = pictures.select([i for i, label in enumerate(pictures.labels) if label])
    if several:
        pictures = _without_copies(pictures)
    elif alike := alike_labels(pictures.labels):
        pictures = replace(pictures, warnings=(*pictures.warnings, spelled_alike(alike)))
    _classes(pictures.labels, owner, several=several)
    return LabelledPictures(
        pictures.select(draw_shots(pictures.labels, selection.shots, selection.seed)),
        store.origin,
        store.logit_scale,
        encoder,
        stored_texts=store.class_texts() if encoder is None else None,
        several=several,
    )


def draw_shots(labels: Sequence[str], shots: int | None, seed: int) -> list[int]:
    """Draw at most `shots` pictures of each class (all if `None`); return their sorted numbers.

    The draws are nested, so that accuracies can be compared: the pictures of k shots are among
    those of k + 1 shots, and the draw of a class does not depend on the other classes.
    """
    if shots is None:
        return list(range(len(labels)))
    numbers = defaultdict(list)
    for number, label in enumerate(labels):
        numbers[label].append(number)
    drawn: list[int] = []
    for label, in_class in numbers.items():
        # A folder name that is not UTF-8 is read with surrogates, which plain UTF-8 cannot encode.
        rng = np.random.default_rng([seed, *label.encode(errors="surrogateescape")])
        drawn += rng.permutation(in_class)[:shots].tolist()
    return sorted(drawn)
