"""From feature stores to the sets of an evaluation."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from episodes import LabelIndex
from metaadapter.errors import DataError
from metaadapter.evaluation.config import EvaluationConfig
from metaadapter.evaluation.evaluation_set import QUERY, SUPPORT, EvaluationSet, same_name
from metaadapter.features import CLIP_LOGIT_SCALE, FeatureStore

__all__ = ["joined_set", "load_sets", "set_of_store"]

UNUSED = -1


def load_sets(config: EvaluationConfig) -> tuple[EvaluationSet, ...]:
    """The sets of an evaluation.

    Raises:
        DataError: A store is missing or has fewer than two classes; two stores share fewer.
        IncompatibleArtifact: Stores to be joined are of different encoders.
    """
    if config.support_from is None or config.queries_from is None:
        return tuple(map(set_of_store, config.stores))
    (name,) = config.set_names
    return (joined_set(name, config.support_from, config.queries_from),)


def set_of_store(folder: Path | str) -> EvaluationSet:
    """The set of a store.

    A store with the splits "train" and "test" gives support from the one and queries from the
    other, as CoOp's protocol has it, and leaves further splits out.

    Raises:
        DataError: The store is missing or has fewer than two classes.
    """
    store = FeatureStore.open(folder)
    split_n = _column([store], "split")
    pool_n = np.full(len(split_n), SUPPORT)
    if {"train", "test"} <= set(split_n):
        pool_n = np.select([split_n == "train", split_n == "test"], [SUPPORT, QUERY], UNUSED)
    labels = store.classes
    number = {label: position for position, label in enumerate(labels)}
    return _of_stores(store.folder.resolve().name, [(store, pool_n)], number, labels, labels)


def joined_set(name: str, support: Path | str, query: Path | str) -> EvaluationSet:
    """The set of a store to draw support from and of one to draw queries from.

    Raises:
        DataError: A store is missing, or they share fewer than two classes.
        IncompatibleArtifact: They are of different encoders.
    """
    one, other = FeatureStore.open(support), FeatureStore.open(query)
    one.fingerprint.require_match(other.fingerprint, owner=f"the store {other.folder}")
    known = {same_name(label) for label in one.classes}
    classes = tuple(sorted(known & {same_name(label) for label in other.classes}))
    if len(classes) < 2:
        raise DataError(
            f"expected at least two classes of the same name in {one.folder} and "
            f"{other.folder}, got {', '.join(classes) or 'none'}; classes are joined by their "
            f"readable names, and the stores have, among others, {', '.join(one.classes[:3])} "
            f"and {', '.join(other.classes[:3])}"
        )
    pools = [(one, np.full(one.n_pictures, SUPPORT)), (other, np.full(other.n_pictures, QUERY))]
    place = {name: position for position, name in enumerate(classes)}
    number = {label: place.get(same_name(label), -1) for label in (*one.classes, *other.classes)}
    first = {same_name(label): label for label in reversed(one.classes)}
    return _of_stores(name, pools, number, classes, [first[each] for each in classes])


def _of_stores(
    name: str,
    pools: Sequence[tuple[FeatureStore, np.ndarray]],
    number: Mapping[str, int],
    classes: tuple[str, ...],
    text_labels: Sequence[str],
) -> EvaluationSet:
    """Join pictures, whose labels have these numbers; others take no part.

    The texts are the first store's, of the labels that stand for the classes.
    """
    stores = [store for store, _ in pools]
    if len(classes) < 2:
        raise DataError(
            f"expected pictures of at least two classes in the feature store {stores[0].folder}, "
            f"got {len(classes)}; encode a folder that holds one folder for each class"
        )
    pool_n = np.concatenate([pool_n for _, pool_n in pools])
    numbers_n = [number.get(label, -1) for label in _column(stores, "label").tolist()]
    labels_n = np.where(pool_n == UNUSED, -1, numbers_n)
    texts, none = stores[0].class_texts(), np.zeros(stores[0].fingerprint.dim, dtype=np.float32)
    return EvaluationSet(
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
        stores=tuple(store.folder.resolve().name for store in stores),
        encoder=stores[0].encoder,
        fingerprint=str(stores[0].fingerprint),
        n_views=max(store.n_views for store in stores),
        identity=_identity(stores),
    )


def _column(stores: Sequence[FeatureStore], name: str) -> np.ndarray:
    parts = [getattr(store.rows, name)[store.rows.view == 0] for store in stores]
    column: np.ndarray = np.concatenate(parts)
    return column


def _identity(stores: Sequence[FeatureStore]) -> str:
    """Sixteen hex digits from what the stores say of themselves and of each picture."""
    digest = hashlib.sha256()
    for store in stores:
        digest.update(store.fingerprint.digest.encode())
        for column in (store.rows.sha256, store.rows.label, store.rows.split):
            digest.update("\n".join(column).encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]
