"""Draws of pairs, and of candidates to rank, from feature stores and manifests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from metaadapter.data.reader import read_images
from metaadapter.features.encoded_pictures import encode_rows
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.labs.ranking.captions import captions_of, encode_captions

MOST_PICTURES, MOST_CAPTIONS = 600, 100
# Every second name in alphabetical order: one half serves to choose settings, one for the test.
PARTS = {"even": 0, "odd": 1}


@dataclass(frozen=True)
class Domain:
    """Pictures, captions, and the caption of each picture."""

    name: str
    pictures: np.ndarray
    captions: np.ndarray
    caption_of: np.ndarray
    looks: dict
    new_captions: bool
    """Whether no pair has half of the captions."""
    mixed: bool = False
    """Whether the captions of the pairs are candidates together with as many new ones."""


@dataclass(frozen=True)
class Draw:
    """Pairs, and the candidate pictures and captions; the first `n_old` captions are of pairs."""

    pair_pictures: np.ndarray
    pair_captions: np.ndarray
    pictures: np.ndarray
    captions: np.ndarray
    caption_of: np.ndarray
    n_old: int = 0


def read_domain(source: str) -> Domain:
    """Read STORE, STORE@even, STORE@odd, STORE@new, STORE@mixed, or a manifest with captions.

    The captions of a store are the names of its classes. The captions of the pairs are not
    candidates with @new, in manifests, and if each class has only one picture.
    """
    place, _, part = source.partition("@")
    if Path(place).is_file():
        return _of_manifest(Path(place))
    store = FeatureStore.open(place)
    pictures, labels = store.mean_features()
    texts = store.class_texts()
    names = sorted(texts)[PARTS.get(part, 0) :: 2 if part in PARTS else 1]
    numbers = {name: number for number, name in enumerate(names)}
    chosen = [row for row, label in enumerate(labels) if label in numbers]
    recipe = store.origin
    caption_of = np.array([numbers[labels[row]] for row in chosen])
    return Domain(
        Path(place).name + ("" if not part else f", {part}"),
        pictures[chosen],
        np.stack([texts[name] for name in names]),
        caption_of,
        {"zoom": recipe.zoom, "blocks": recipe.blocks},
        part in {"new", "mixed"} or len(chosen) < 2 * len(names),
        part == "mixed",
    )


def _of_manifest(manifest: Path) -> Domain:
    encoder = FrozenEncoder.load("tiny")
    table = read_images(manifest, labelled=False)
    captions = captions_of(table, manifest)
    numbers = {text: number for number, text in enumerate(captions.texts)}
    read = encode_rows(table.rows, encoder, views=1, seed=0)
    return Domain(
        manifest.stem,
        read.features,
        encode_captions(encoder, captions.texts, ["{}"]),
        np.array([numbers[row.caption] for row in table.rows]),
        {"zoom": encoder.zoom, "blocks": encoder.look_blocks},
        new_captions=True,
    )


def draws(domain: Domain, n_pairs: int, n_draws: int) -> Iterator[Draw]:
    """Yield draws; the seed of each depends on its number and the number of pairs."""
    for number in range(n_draws):
        rng = np.random.default_rng([n_pairs, number])
        captions = rng.permutation(len(domain.captions))
        half = len(captions) // 2
        of_pairs = captions[:half] if domain.new_captions else captions
        rows = rng.permutation(np.flatnonzero(np.isin(domain.caption_of, of_pairs)))
        pairs = rows[:n_pairs]
        candidates = captions[half:][:MOST_CAPTIONS] if domain.new_captions else captions
        n_old = 0
        if domain.mixed:
            old = np.unique(domain.caption_of[pairs])
            n_old = len(old)
            candidates = np.concatenate([old, candidates[:n_old]])
        others = np.setdiff1d(np.flatnonzero(np.isin(domain.caption_of, candidates)), pairs)
        others = rng.permutation(others)[:MOST_PICTURES]
        place = {caption: number for number, caption in enumerate(candidates)}
        yield Draw(
            domain.pictures[pairs],
            domain.captions[domain.caption_of[pairs]],
            domain.pictures[others],
            domain.captions[candidates],
            np.array([place[domain.caption_of[row]] for row in others]),
            n_old,
        )
