"""Feature stores as sets to evaluate on: features, class names, and what each picture is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from episodes import TaskSource
from metaadapter.errors import DataError
from metaadapter.evaluation.config import EvaluationConfig
from metaadapter.evaluation.meta_training import same_name
from metaadapter.features import CLIP_LOGIT_SCALE, FeatureStore

__all__ = ["EvaluationSet", "load_sets"]

SUPPORT, QUERY, UNUSED = 0, 1, -1


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """Labelled pictures, one feature each: the mean of its views.

    Where support and queries come from two pools, they are the source's domains 0 and 1.
    """

    name: str
    source: TaskSource
    classes: tuple[str, ...]
    """Names, in the order of the class numbers."""
    paths_n: np.ndarray
    """File of each picture, as it was given to `encode`."""
    contents_n: np.ndarray
    """Hash of each picture's bytes, "" where it is not known."""
    groups_n: np.ndarray
    """Pictures of one group belong on one side of a split; "" for those of none."""
    stores: tuple[str, ...]
    """Names of the stores that it was made of."""
    encoder: str
    """Name of what made the features."""
    fingerprint: str
    """What it computes, whatever its name."""
    n_views: int
    """Views that each feature is the mean of; the most, where two stores differ."""
    identity: str
    """Changes with any picture, label or encoder."""

    @property
    def has_two_pools(self) -> bool:
        """Whether support and queries are drawn from different pictures."""
        return self.source.index.n_domains == 2

    def to_dict(self) -> dict[str, Any]:
        """What a report says of it."""
        return {
            "n_pictures": int((self.source.labels_n >= 0).sum()),
            "n_classes": len(self.classes),
            "encoder": self.encoder,
            "fingerprint": self.fingerprint,
            "n_views": self.n_views,
            "identity": self.identity,
        }


def load_sets(config: EvaluationConfig) -> tuple[EvaluationSet, ...]:
    """The sets of an evaluation.

    A store with the splits "train" and "test" gives support from the one and queries from the
    other, as CoOp's protocol has it, and leaves further splits out.

    Raises:
        DataError: A store is missing or has fewer than two classes; two stores share fewer.
        IncompatibleArtifact: Stores to be joined are of different encoders.
    """
    if config.support_from is None or config.queries_from is None:
        return tuple(_from_store(FeatureStore.open(folder)) for folder in config.stores)
    (name,) = config.set_names
    return (_joined(name, *map(FeatureStore.open, (config.support_from, config.queries_from))),)


def _from_store(store: FeatureStore) -> EvaluationSet:
    split_n = store.rows.split[store.rows.view == 0].astype(str)
    pool_n = np.full(len(split_n), SUPPORT)
    if {"train", "test"} <= set(split_n):
        pool_n = np.select([split_n == "train", split_n == "test"], [SUPPORT, QUERY], UNUSED)
    return _of_stores(store.folder.resolve().name, [(store, pool_n)], store.classes, store.classes)


def _joined(name: str, support: FeatureStore, query: FeatureStore) -> EvaluationSet:
    support.fingerprint.require_match(query.fingerprint, owner=f"the store {query.folder}")
    known = {same_name(label) for label in support.classes}
    classes = tuple(sorted(known & {same_name(label) for label in query.classes}))
    if len(classes) < 2:
        raise DataError(
            f"expected at least two classes of the same name in {support.folder} and "
            f"{query.folder}, got {', '.join(classes) or 'none'}; classes are joined by their "
            f"readable names, and the stores have, among others, {', '.join(support.classes[:3])} "
            f"and {', '.join(query.classes[:3])}"
        )
    pools = [
        (support, np.full(support.n_pictures, SUPPORT)),
        (query, np.full(query.n_pictures, QUERY)),
    ]
    first = {same_name(label): label for label in reversed(support.classes)}
    return _of_stores(name, pools, classes, [first[each] for each in classes], rename=True)


def _of_stores(
    name: str,
    pools: Sequence[tuple[FeatureStore, np.ndarray]],
    classes: tuple[str, ...],
    texts_of: Sequence[str],
    *,
    rename: bool = False,
) -> EvaluationSet:
    """Join pictures; the texts are the first store's, of its classes `texts_of`."""
    stores = [store for store, _ in pools]
    if len(classes) < 2:
        raise DataError(
            f"expected pictures of at least two classes in the feature store {stores[0].folder}, "
            f"got {len(classes)}; encode a folder that holds one folder for each class"
        )
    number = {label: position for position, label in enumerate(classes)}
    features, labels = [], []
    for store, pool_n in pools:
        X, y = store.mean_features()
        numbers = [number.get(same_name(label) if rename else label, -1) for label in y.tolist()]
        features.append(X)
        labels.append(np.where(pool_n == UNUSED, -1, numbers))
    texts, none = stores[0].class_texts(), np.zeros(stores[0].fingerprint.dim, dtype=np.float32)
    source = TaskSource(
        name=name,
        features_nVD=torch.from_numpy(np.concatenate(features))[:, None],
        labels_n=torch.from_numpy(np.concatenate(labels)),
        text_CD=torch.from_numpy(np.stack([texts.get(label, none) for label in texts_of])),
        logit_scale=stores[0].logit_scale or CLIP_LOGIT_SCALE,
        domains_n=torch.from_numpy(np.concatenate([pool_n for _, pool_n in pools]).clip(0)),
    )
    return EvaluationSet(
        name=name,
        source=source,
        classes=classes,
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
    parts = [getattr(store.rows, name)[store.rows.view == 0].astype(str) for store in stores]
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
