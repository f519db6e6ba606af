"""Encoders with another geometry, made from tiny's trunk; their class texts are predicted."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.fingerprint import N_SUMMARY, Fingerprint, probe_picture, summarise
from metaadapter.features.networks import fold_batch_norms
from metaadapter.features.open_clip_model import build_model, resolve_encoder
from metaadapter.features.origin import Origin, Recipe
from metaadapter.features.prompts import readable_name
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.header import HEADER_FILE, StoreHeader, hold_folder
from metaadapter.features.store.row_table import StoredPicture
from metaadapter.features.store.writer import write_store
from metaadapter.features.views import look_at, unit_rows

GEOMETRIES = ("raw", "root", "narrow")
POOLED = ".pooled"
SEED = 0
NARROW_WIDTH, LOGIT_SCALE = 192, 30.0
N_FOLDS, RIDGE, OFFSET = 6, 3.0, 0.5
Geometry = Callable[[np.ndarray], np.ndarray]
Texts = dict[str, np.ndarray]
# By set, how much a class counts where texts are learned: 120 photographs tell more than a single
# emoji. The first set centres the features of all.
CLASS_WEIGHTS = {"tiny-imagenet-train": 3.0, "caltech101-train": 2.0, "trashnet6.large": 2.0}
CLASS_WEIGHTS |= {"pacs-photo.large": 2.0, "pacs-cartoon.large": 1.0}
CLASS_WEIGHTS |= {"emoji-google": 0.3, "emoji-twitter": 0.3}


def variant(tiny: FrozenEncoder, **changes: object) -> FrozenEncoder:
    """A copy of tiny with some attributes replaced, for `encode_to_store`."""
    other = copy.copy(tiny)
    vars(other).update(changes)
    return other


def pooling(tiny: FrozenEncoder) -> FrozenEncoder:
    """Tiny without projection and zoom; its features are unit rows of 1280 numbers, none negative.

    Raises:
        ValueError: Their projection does not give tiny's own features.
    """
    visual = build_model(resolve_encoder("tiny")).network.visual.eval().requires_grad_(False)
    pixels = look_at(probe_picture(), tiny.preprocess, zoom=False)
    visual = fold_batch_norms(visual, pixels).to(memory_format=torch.channels_last)

    def encode_pixels(batch: Tensor) -> Tensor:
        return normalize(visual.trunk(batch.to(memory_format=torch.channels_last)), dim=-1)

    projected = normalize(visual.head(visual.trunk(pixels)), dim=-1)
    joint = tiny.encode_pixels(pixels)[:, : projected.shape[1]]
    if not torch.allclose(projected, normalize(joint, dim=-1), atol=1e-5):
        raise ValueError("projecting the pooled features of tiny's trunk does not give tiny's own")
    fingerprint = _fingerprint(tiny, "tiny@pooled", encode_pixels(pixels)[0].numpy())
    changes = {"fingerprint": fingerprint, "encode_pixels": encode_pixels}
    changes |= {"zoom": False, "look_blocks": {}}
    return variant(tiny, name="tiny@pooled", **changes)


def write_geometry(geometry: str, pooled: FrozenEncoder, out: Path, only: Collection[str]) -> None:
    """Write the named stores SET@GEOMETRY of one geometry; complete ones stay.

    `out` holds SET by tiny and .pooled/SET, the same pictures by `pooled`, of `CLASS_WEIGHTS`.
    """
    random = np.random.default_rng([SEED, GEOMETRIES.index(geometry)])
    stores = {name: FeatureStore.open(out / name) for name in CLASS_WEIGHTS}
    rows = {name: FeatureStore.open(out / POOLED / name).mean_features()[0] for name in stores}
    to_features = _geometry(geometry, next(iter(rows.values())), random)
    probe = to_features(pooled.encode_images([probe_picture()]))[0]
    fingerprint = _fingerprint(pooled, f"tiny@{geometry}", probe)
    origin = Origin(encoder=fingerprint.encoder, fingerprint=fingerprint)
    recipe = Recipe(origin, pooled.precision, LOGIT_SCALE)

    features = {name: to_features(pooled_rows) for name, pooled_rows in rows.items()}
    classes = [(name, label) for name, store in stores.items() for label in store.classes]
    texts = predict_texts(
        np.concatenate([store.texts for store in stores.values()]),
        np.concatenate([_class_means(stores[name], features[name]) for name in stores]),
        np.array([CLASS_WEIGHTS[name] for name, _ in classes]),
        [readable_name(label).casefold() for _, label in classes],
        random,
    )
    text_of = dict(zip(classes, texts.astype(np.float32), strict=True))
    for name in (name for name in stores if f"{name}@{geometry}" in only):
        facts, pictures = stores[name].header, stores[name].rows.pictures()
        header = StoreHeader.of_pictures(
            pictures, recipe, facts.classes, facts.templates, facts.quarantined
        )
        by_label = {label: text_of[name, label] for label in facts.classes}
        _write(out / f"{name}@{geometry}", header, pictures, features[name], by_label)


def predict_texts(
    texts: np.ndarray,
    means: np.ndarray,
    weights: np.ndarray,
    names: Sequence[str],
    random: np.random.Generator,
) -> np.ndarray:
    """Class texts (C, D), unit rows, for an encoder without a text tower.

    Ridge regression maps another encoder's `texts` (C, W) to the class `means` (C, D), in folds of
    distinct names, so that no text depends on pictures of its own class. All texts are divided by
    their mean length and moved away from the pictures.
    """
    texts = texts[:, texts.any(0)]  # blocks without texts are zeros
    distinct, number = np.unique(names, return_inverse=True)
    folds = random.permutation(len(distinct))[number] % N_FOLDS
    predicted = np.empty(means.shape)
    for fold in range(N_FOLDS):
        seen = folds != fold
        centre = np.average(texts[seen], axis=0, weights=weights[seen])
        target = means[seen] - np.average(means[seen], axis=0, weights=weights[seen])
        inputs = (texts[seen] - centre).astype(np.float64)
        weighted = inputs.T * weights[seen]
        gram = weighted @ inputs + RIDGE * np.eye(texts.shape[1])
        predicted[~seen] = (texts[~seen] - centre) @ np.linalg.solve(gram, weighted @ target)
    offset = unit_rows(random.standard_normal((1, means.shape[1])))
    return unit_rows(predicted / np.linalg.norm(predicted, axis=1).mean() + OFFSET * offset)


def _geometry(name: str, centring: np.ndarray, random: np.random.Generator) -> Geometry:
    """Map unit pooled features to another geometry: a cone, an even spread, or fewer columns."""
    if name == "raw":
        return unit_rows
    if name == "root":
        root = np.sqrt(centring).mean(axis=0)
        return lambda pooled: unit_rows(np.sqrt(pooled) - root)
    centre = centring.mean(axis=0)
    matrix = random.standard_normal((len(centre), NARROW_WIDTH)).astype(np.float32)
    return lambda pooled: unit_rows((pooled - centre) @ matrix)


def _fingerprint(tiny: FrozenEncoder, name: str, probe: np.ndarray) -> Fingerprint:
    digest = hashlib.sha256(f"{tiny.fingerprint.digest} {name}".encode()).hexdigest()[:16]
    summary = summarise(probe) + (0.0,) * N_SUMMARY  # no text tower, so no sentence
    return Fingerprint(name, tiny.weights, len(probe), False, digest, summary)


def _class_means(store: FeatureStore, features: np.ndarray) -> np.ndarray:
    means = [features[store.rows.label == name].mean(axis=0) for name in store.classes]
    return unit_rows(np.stack(means))


def _write(
    folder: Path,
    header: StoreHeader,
    pictures: list[StoredPicture],
    features: np.ndarray,
    texts: Texts,
) -> None:
    hashes = [picture.sha256 for picture in pictures]
    by_content = dict(zip(hashes, features[:, None].astype(np.float16), strict=True))
    with hold_folder(folder):
        before = FeatureStore.open(folder) if (folder / HEADER_FILE).exists() else None
        if before is not None:
            same = replace(before.header, generation=1) == header
            if same and before.rows.pictures() == pictures:
                return
            header = replace(header, generation=before.header.generation + 1)
        write_store(folder, header, pictures, by_content, texts)
