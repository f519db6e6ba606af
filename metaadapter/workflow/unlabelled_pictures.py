"""Pictures without labels: the pool that the generator reads, and a class of background."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from metaadapter.data.reader import read_images
from metaadapter.errors import DataError, UsageError
from metaadapter.features.encoded_pictures import EncodedPictures, encode_rows, is_store
from metaadapter.features.origin import Origin
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.views import mean_of_views
from metaadapter.workflow.labelled_pictures import LabelledPictures, Reading

# More pictures change an adapter little, and make its folder large.
MOST_UNLABELLED = 4000
BACKGROUND = "background"
"""The label of such pictures."""
MOST_BACKGROUND = 100
"""The most such pictures that are used: more teach little, and slow each prediction."""


def with_background(
    labelled: LabelledPictures, source: Path, named: Collection[str], reading: Reading
) -> LabelledPictures:
    """The labelled pictures and at most `MOST_BACKGROUND` of `source`, labelled `BACKGROUND`."""
    if BACKGROUND in {*labelled.pictures.labels, *named}:
        raise UsageError(
            f"--background makes a class {BACKGROUND!r}, and there is one already; leave "
            "--background out, or give that class another name"
        )
    seed = reading.selection.seed
    pictures = read_unlabelled(source, labelled, reading)
    pictures = draw_new(pictures, labelled.pictures.sha256, seed, BACKGROUND)
    if not len(pictures):
        raise DataError(f"--background {source}: all pictures in it are labelled ones")
    rows = tuple(picture._replace(label=BACKGROUND) for picture in pictures.pictures)
    parts = (labelled.pictures, replace(pictures, pictures=rows))
    width = labelled.pictures.features.shape[1]
    return replace(labelled, pictures=EncodedPictures.joined(parts, width=width))


def read_unlabelled(source: Path, labelled: LabelledPictures, reading: Reading) -> EncodedPictures:
    """Encode at most `MOST_UNLABELLED` pictures as the labelled ones are, or read a store."""
    origin, encoder, seed = labelled.origin, labelled.encoder, reading.selection.seed
    if is_store(source):
        return _read_store(FeatureStore.open(source), source, origin, seed)
    table = read_images(source, labelled=False, n_classes=1)
    numbers, warnings = _drawn(len(table.rows), seed)
    if encoder is None:
        if origin.encoder is None:
            raise UsageError(
                "the labelled features do not say which encoder made them; give the unlabelled "
                "pictures as a feature store too"
            )
        encoder = reading.load(
            origin.encoder,
            zoom=origin.zoom,
            blocks=origin.block_names,
            remembered_by="the feature store of labelled pictures",
        )
    rows = [table.rows[number] for number in numbers]
    views, show = origin.n_views, reading.progress
    pictures = encode_rows(rows, encoder, views=views, seed=origin.seed, progress=show)
    if not len(pictures):
        first = "; ".join(map(str, pictures.quarantined[:3]))
        raise DataError(f"none of the unlabelled pictures in {source} can be read: {first}")
    return replace(pictures, warnings=(*table.warnings, *pictures.warnings, *warnings))


def _read_store(store: FeatureStore, source: Path, origin: Origin, seed: int) -> EncodedPictures:
    if origin.fingerprint is not None:
        store.fingerprint.require_match(origin.fingerprint, owner=f"the feature store {source}")
    numbers, warnings = _drawn(store.n_pictures, seed)
    pictures = store.rows.pictures()
    features = mean_of_views(store.by_picture()[numbers])
    if store.n_views != origin.n_views:
        views = (
            f"the feature store {source} averages {store.n_views} view(s) of a picture, and "
            f"the adapter is made with {origin.n_views}"
        )
        warnings = (views, *warnings)
    return EncodedPictures(tuple(pictures[n] for n in numbers), features, warnings=warnings)


def draw_new(
    pictures: EncodedPictures, labelled: Sequence[str], seed: int, kind: str = "unlabelled"
) -> EncodedPictures:
    """Draw pictures that are no copies of one another or of labelled ones; warnings say so.

    `labelled` has SHA-256 digests; a picture without one is no copy. Of the kind `BACKGROUND` at
    most `MOST_BACKGROUND` are drawn, else `MOST_UNLABELLED`.
    """
    seen, new = set(labelled), []
    for number, sha256 in enumerate(pictures.sha256):
        if not sha256 or sha256 not in seen:
            new.append(number)
            seen.add(sha256)
    places, warnings = _drawn(len(new), seed, kind)
    if n_copies := len(pictures) - len(new):
        copies = f"{n_copies} {kind} picture(s) are copies of labelled ones or of one another"
        warnings = (f"{copies}, and were left out", *warnings)
    drawn = pictures.select([new[place] for place in places])
    return replace(drawn, warnings=(*pictures.warnings, *warnings))


def _drawn(n: int, seed: int, kind: str = "unlabelled") -> tuple[list[int], tuple[str, ...]]:
    """The numbers of the drawn pictures, sorted, and a warning if not all are drawn."""
    n_most = MOST_BACKGROUND if kind == BACKGROUND else MOST_UNLABELLED
    if n <= n_most:
        return list(range(n)), ()
    drawn = np.random.default_rng(seed).permutation(n)[:n_most]
    warning = f"of {n} {kind} pictures {n_most} are used, drawn by the seed {seed}"
    return sorted(drawn.tolist()), (f"{warning}: more would change little",)
