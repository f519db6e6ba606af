"""Encoders unlike tiny, and their class texts, which are predicted from tiny's.

An encoder is a map of the features of a network, or of some columns of tiny's own features. Those
in `JUDGES` are for validation and the final evaluation: the generator never trains on them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from metaadapter.features.fingerprint import probe_picture
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.features.origin import Recipe
from metaadapter.features.prompts import readable_name
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.header import HEADER_FILE, StoreHeader, hold_folder
from metaadapter.features.store.picture_facts import PictureFacts
from metaadapter.features.store.picture_table import label_counts, table_of
from metaadapter.features.store.writer import write_store
from metaadapter.features.views import unit_rows
from tools.training_stores_networks import fingerprint_of

Geometry = Callable[[np.ndarray], np.ndarray]
Texts = dict[str, np.ndarray]
TINY = ""
# The encoders and the networks, of NETWORKS or tiny itself, whose features they map.
ENCODERS = {"raw": "pooled", "root": "pooled", "narrow": "pooled", "stages": TINY}
ENCODERS |= {"lite1": "lite1", "flat": "lite1", "steep": "lite1", "layers": "layers"}
ENCODERS |= {"nsfw": "nsfw", "lite2": "lite2"}
JUDGES = ("nsfw", "lite2")
# Pictures per class of the sets that teach texts, for networks that would take long; others read
# all pictures, and all networks read all pictures of other sets.
MOST_PICTURES = {"lite1": 60, "layers": 60, "nsfw": 20, "lite2": 20}
SEED = 0
NARROW_WIDTH, FLAT_WIDTH, STEEP_WIDTH = 192, 512, 64
LOGIT_SCALE = 30.0
N_FOLDS, RIDGE, OFFSET = 6, 3.0, 0.5
# By set, how much a class counts where texts are learned: 120 photographs tell more than a single
# emoji. The first set centres the features of all. Judges learn from photographs only.
CLASS_WEIGHTS = {"tiny-imagenet-train": 3.0, "caltech101-train": 2.0, "trashnet6.large": 2.0}
CLASS_WEIGHTS |= {"pacs-photo.large": 2.0, "pacs-cartoon.large": 1.0}
CLASS_WEIGHTS |= {"emoji-google": 0.3, "emoji-twitter": 0.3}
LEAST_JUDGED_WEIGHT = 2.0


def teachers(encoder: str) -> dict[str, float]:
    """The sets that an encoder's texts are learned from, and how much their classes count."""
    least = LEAST_JUDGED_WEIGHT if encoder in JUDGES else 0.0
    return {name: weight for name, weight in CLASS_WEIGHTS.items() if weight >= least}


def write_encoder(encoder: str, network: ImageEncoder, out: Path, sets: Collection[str]) -> None:
    """Write the stores SET@ENCODER of one encoder; complete ones stay.

    Args:
        encoder: A name in `ENCODERS`.
        network: The network whose features it maps; tiny itself for columns of tiny's features.
        out: Has SET by tiny and .NETWORK/SET, the same pictures or some of them by `network`, for
            `sets` and all teachers.
        sets: The sets to write.
    """
    random = np.random.default_rng([SEED, list(ENCODERS).index(encoder)])
    weights = dict.fromkeys(sets, 0.0) | teachers(encoder)
    stores = {name: FeatureStore.open(out / name) for name in (*teachers(encoder), *weights)}
    folder = out / f".{ENCODERS[encoder]}" if ENCODERS[encoder] else out
    pictures, features = {}, {}
    for name, store in stores.items():
        of_network = FeatureStore.open(folder / name)
        hashes = of_network.rows.of_pictures("sha256")
        rows = dict(zip(hashes, of_network.by_picture()[:], strict=True))
        pictures[name] = [row for row in store.rows.pictures() if row.sha256 in rows]
        features[name] = unit_rows(
            np.stack([rows[row.sha256].astype(np.float32).mean(0) for row in pictures[name]])
        )
    to_features = _geometry(encoder, next(iter(features.values())), network.blocks, random)
    features = {name: to_features(rows) for name, rows in features.items()}
    classes = [(name, label) for name, store in stores.items() for label in store.classes]
    texts = predict_texts(
        np.concatenate([store.texts for store in stores.values()]),
        np.concatenate(
            [_class_means(pictures[name], features[name], stores[name].classes) for name in stores]
        ),
        np.array([weights[name] for name, _ in classes]),
        [readable_name(label).casefold() for _, label in classes],
        random,
    )
    text_of = dict(zip(classes, texts.astype(np.float32), strict=True))
    probe = to_features(network.encode_images([probe_picture()]))[0]
    of_network = network.name.partition("@")[0]
    fingerprint = fingerprint_of(network, f"{of_network}@{encoder}", probe)
    recipe = Recipe(
        encoder=fingerprint.encoder,
        fingerprint=fingerprint,
        precision=network.precision,
        logit_scale=LOGIT_SCALE,
    )
    for name in sets:
        facts = stores[name].header
        table = table_of(pictures[name])
        counts = label_counts(table)
        header = StoreHeader(
            recipe, len(table), counts, facts.classes, facts.templates, facts.quarantined
        )
        by_label = {label: text_of[name, label] for label in facts.classes}
        _write(out / f"{name}@{encoder}", header, table, features[name], by_label)


def predict_texts(
    texts: np.ndarray,
    means: np.ndarray,
    weights: np.ndarray,
    names: Sequence[str],
    random: np.random.Generator,
) -> np.ndarray:
    """Class texts (C, D), unit rows, for an encoder without a text tower.

    Ridge regression maps another encoder's `texts` (C, W) to the class `means` (C, D), in folds of
    names, so that no text depends on pictures of a class of its name. Nothing is learned from a
    class of weight 0. All texts are divided by the mean length of those of other classes and moved
    away from the pictures.
    """
    texts = texts[:, texts.any(0)]  # blocks without texts are zeros
    folds = np.array([zlib.crc32(name.encode()) % N_FOLDS for name in names])
    predicted = np.empty(means.shape)
    for fold in set(folds.tolist()):
        seen = (folds != fold) & (weights > 0)
        centre = np.average(texts[seen], axis=0, weights=weights[seen])
        target = means[seen] - np.average(means[seen], axis=0, weights=weights[seen])
        inputs = (texts[seen] - centre).astype(np.float64)
        weighted = inputs.T * weights[seen]
        gram = weighted @ inputs + RIDGE * np.eye(texts.shape[1])
        is_left = folds == fold
        predicted[is_left] = (texts[is_left] - centre) @ np.linalg.solve(gram, weighted @ target)
    length = np.linalg.norm(predicted[weights > 0], axis=1).mean()
    offset = unit_rows(random.standard_normal((1, means.shape[1])))
    return unit_rows(predicted / length + OFFSET * offset)


def _geometry(
    name: str, centring: np.ndarray, blocks: Sequence[int], random: np.random.Generator
) -> Geometry:
    """Map unit features to an encoder's: as they are, another spectrum, or fewer columns."""
    if name == "stages":  # every second block of tiny
        is_stage = np.repeat(np.arange(len(blocks)) % 2 == 1, blocks)
        return lambda rows: unit_rows(rows[:, is_stage])
    if name == "root":
        root = np.sqrt(centring).mean(axis=0)
        return lambda rows: unit_rows(np.sqrt(rows) - root)
    centre = centring.mean(axis=0)
    if name == "narrow":
        matrix = random.standard_normal((len(centre), NARROW_WIDTH)).astype(np.float32)
    elif name in ("flat", "steep"):
        _, deviations, directions = np.linalg.svd(np.cov(centring - centre, rowvar=False))
        width, power = (FLAT_WIDTH, -0.25) if name == "flat" else (STEEP_WIDTH, 0.25)
        matrix = (directions[:width] * deviations[:width, None] ** power).T.astype(np.float32)
    else:
        return unit_rows
    return lambda rows: unit_rows((rows - centre) @ matrix)


def _class_means(
    pictures: Sequence[PictureFacts], features: np.ndarray, classes: Sequence[str]
) -> np.ndarray:
    labels = np.array([picture.label for picture in pictures])
    return unit_rows(np.stack([features[labels == name].mean(axis=0) for name in classes]))


def _write(
    folder: Path, header: StoreHeader, pictures: pa.Table, features: np.ndarray, texts: Texts
) -> None:
    with hold_folder(folder):
        before = FeatureStore.open(folder) if (folder / HEADER_FILE).exists() else None
        if before is not None:
            same = replace(before.header, generation=1) == header
            if same and before.rows.table.equals(pictures):
                return
            header = replace(header, generation=before.header.generation + 1)
        write_store(folder, header, pictures, [features[:, None].astype(np.float16)], texts)
