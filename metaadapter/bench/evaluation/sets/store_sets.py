"""Makes the sets of an evaluation from feature stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from episodes import LabelIndex
from metaadapter.bench.evaluation.config import EvaluationConfig, name_of
from metaadapter.bench.evaluation.sets.copies import copy_numbers, near_copies_apart, paths_within
from metaadapter.bench.evaluation.sets.evaluation_set import (
    QUERY,
    SUPPORT,
    EvaluationSet,
    same_name,
)
from metaadapter.bench.evaluation.sets.made_names import with_names
from metaadapter.errors import DataError
from metaadapter.features.logit_scale import CLIP_LOGIT_SCALE
from metaadapter.features.store.feature_store import FeatureStore

UNUSED = -1


def load_sets(config: EvaluationConfig) -> tuple[EvaluationSet, ...]:
    """Open the stores of an evaluation and return its sets."""
    one_store = set_by_group if config.by_group else set_of_store
    sets = (
        one_store(source) if isinstance(source, str) else _joined_set(name_of(source), *source)
        for source in config.stores
    )
    return tuple(named for data in sets for named in with_names(data, config.names))


def set_of_store(folder: Path | str) -> EvaluationSet:
    """Return a store as a set; splits "train" and "test" give support and queries, as in CoOp."""
    store = FeatureStore.open(folder)
    if len(store.classes) < 2:
        raise DataError(
            f"expected pictures of at least two classes in the feature store {store.folder}, "
            f"got {len(store.classes)}; encode a folder that holds one folder for each class"
        )
    split_n = _column([store], "split")
    pool_n = np.full(len(split_n), SUPPORT)
    if {"train", "test"} <= set(split_n):
        pool_n = np.select([split_n == "train", split_n == "test"], [SUPPORT, QUERY], UNUSED)
    labels = store.classes
    number = {label: position for position, label in enumerate(labels)}
    return _of_stores(store.folder.resolve().name, [store], pool_n, number, labels, labels)


def set_by_group(folder: Path | str) -> EvaluationSet:
    """Return a store as a set whose tasks label pictures of some groups and ask about others."""
    data = set_of_store(folder)
    if not (data.groups_n != "").any():
        raise DataError(
            f"the feature store {folder} has no groups, which by_group needs; encode the "
            "pictures with a manifest that has a column group (camera, series, day), or leave "
            "by_group out"
        )
    return replace(
        data,
        name=f"{data.name} by group",
        index=LabelIndex.from_labels(data.labels_n, n_classes=len(data.classes)),
        copies_n=copy_numbers([data.contents_n, data.groups_n]),
        is_by_group=True,
    )


def far_set(data: EvaluationSet, config: EvaluationConfig) -> EvaluationSet:
    """Return, as a set, the pictures of the stores `strangers`, from which far strangers are drawn.

    Stores of `data`, and classes with the readable name of one of its classes, are left out.
    """
    (first, *_) = [folder for folder in config.own_stores if Path(folder).name == data.stores[0]]
    encoder = FeatureStore.open(first).fingerprint
    stores = [
        FeatureStore.open(folder)
        for folder in config.strangers
        if Path(folder).name not in data.stores
    ]
    for store in stores:
        store.fingerprint.require_match(encoder, owner=f"the store {store.folder}")
    taken = set(map(same_name, data.classes))
    labels = {label for store in stores for label in store.classes}
    classes = tuple(sorted(label for label in labels if same_name(label) not in taken))
    if not classes:
        raise DataError(
            f"the set {data.name}: the stores of strangers have no picture of a class that is "
            "not in the set; name another store, with other classes"
        )
    number = {label: position for position, label in enumerate(classes)}
    pool_n = np.full(sum(store.n_pictures for store in stores), SUPPORT)
    far = _of_stores(f"strangers of {data.name}", stores, pool_n, number, classes, classes)
    return replace(far, cones=data.cones)


def _joined_set(name: str, support: str, query: str) -> EvaluationSet:
    """Return a set with the support from one store and the queries from another."""
    one, other = FeatureStore.open(support), FeatureStore.open(query)
    one.fingerprint.require_match(other.fingerprint, owner=f"the store {other.folder}")
    first = {same_name(label): label for label in reversed(one.classes)}
    classes = tuple(sorted(first.keys() & set(map(same_name, other.classes))))
    if len(classes) < 2:
        raise DataError(
            f"expected at least two classes of the same name in {one.folder} and "
            f"{other.folder}, got {', '.join(classes) or 'none'}; the readable names must agree, "
            f"but the stores have, among others, {', '.join(one.classes[:3])} "
            f"and {', '.join(other.classes[:3])}"
        )
    place = {name: position for position, name in enumerate(classes)}
    number = {label: place.get(same_name(label), -1) for label in (*one.classes, *other.classes)}
    pool_n = np.repeat([SUPPORT, QUERY], [one.n_pictures, other.n_pictures])
    text_labels = [first[name] for name in classes]
    return _of_stores(name, [one, other], pool_n, number, classes, text_labels)


def _of_stores(
    name: str,
    stores: Sequence[FeatureStore],
    pool_n: np.ndarray,
    number: Mapping[str, int],
    classes: tuple[str, ...],
    text_labels: Sequence[str],
) -> EvaluationSet:
    """Join the pictures of stores to one set; its texts are those of the first store."""
    numbers_n = np.concatenate([store.rows.numbers_in("label", number) for store in stores])
    labels_n = np.where(pool_n == UNUSED, -1, numbers_n)
    texts, none = stores[0].class_texts(), np.zeros(stores[0].fingerprint.dim, dtype=np.float32)
    data = EvaluationSet(
        name=name,
        features=tuple(store.by_picture() for store in stores),
        text_CD=torch.from_numpy(np.stack([texts.get(label, none) for label in text_labels])),
        logit_scale=stores[0].logit_scale or CLIP_LOGIT_SCALE,
        index=LabelIndex.from_labels(labels_n, pool_n.clip(0), n_classes=len(classes)),
        classes=classes,
        labels_n=labels_n,
        paths_n=_column(stores, "path"),
        contents_n=_column(stores, "sha256"),
        groups_n=_column(stores, "group"),
        copies_n=_copies(stores),
        stores=tuple(store.folder.resolve().name for store in stores),
        encoder=stores[0].encoder,
        fingerprint=str(stores[0].fingerprint),
        n_views=max(store.n_views for store in stores),
        zoom=stores[0].origin.zoom,
        look_blocks=stores[0].origin.blocks,
        blocks=stores[0].blocks,
        identity=" ".join(store.identity for store in stores),
    )
    return near_copies_apart(data)


def _copies(stores: Sequence[FeatureStore]) -> np.ndarray:
    if len(stores) == 1:
        return np.arange(stores[0].n_pictures)
    within = np.concatenate([paths_within(_column([store], "path")) for store in stores])
    return copy_numbers([within, _column(stores, "sha256"), _column(stores, "group")])


def _column(stores: Sequence[FeatureStore], name: str) -> np.ndarray:
    parts = [store.rows.of_pictures(name) for store in stores]
    column: np.ndarray = np.concatenate(parts)
    return column
