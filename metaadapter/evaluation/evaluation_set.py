"""Feature stores as sets to evaluate on: features, class names, and what each picture is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from episodes import LabelIndex
from metaadapter.errors import DataError
from metaadapter.features import CLIP_LOGIT_SCALE, FeatureStore, readable_name
from metaadapter.features.store.feature_store import unit_rows

__all__ = ["QUERY", "SUPPORT", "EvaluationSet", "same_name"]

SUPPORT, QUERY, UNUSED = 0, 1, -1
# Rows turned into float32 at a time.
CHUNK = 8_192


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """Labelled pictures, one feature each: the mean of its views.

    Features stay in their files until tasks ask for them. Where support and queries come from two
    pools, they are the index's domains 0 and 1.
    """

    name: str
    features: tuple[np.ndarray, ...]
    """Of each store (pictures, views, D), float16, read from disk when used."""
    text_CD: Float[Tensor, "C D"]
    """Unit rows of the class names."""
    logit_scale: float
    """The encoder's inverse temperature."""
    index: LabelIndex
    """The pictures of each class and pool."""
    classes: tuple[str, ...]
    """Names, in the order of the class numbers."""
    labels_n: np.ndarray
    """Class number of each picture; −1 for one that takes no part."""
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

    @classmethod
    def from_store(cls, folder: Path | str) -> EvaluationSet:
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
        return _of_stores(store.folder.resolve().name, [(store, pool_n)], labels, labels)

    @classmethod
    def joined(cls, name: str, support: Path | str, query: Path | str) -> EvaluationSet:
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
        pools = [
            (one, np.full(one.n_pictures, SUPPORT)),
            (other, np.full(other.n_pictures, QUERY)),
        ]
        first = {same_name(label): label for label in reversed(one.classes)}
        return _of_stores(name, pools, classes, [first[each] for each in classes], rename=True)

    @property
    def has_two_pools(self) -> bool:
        """Whether support and queries are drawn from different pictures."""
        return self.index.n_domains == 2

    def look_up(self, pictures: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape D"]:
        """Unit float32 rows of these pictures; zeros for −1."""
        numbers = pictures.flatten().numpy()
        rows = np.zeros((len(numbers), self.text_CD.shape[1]), dtype=np.float32)
        first = 0
        for table in self.features:
            (places,) = ((numbers >= first) & (numbers < first + len(table))).nonzero()
            for start in range(0, len(places), CHUNK):
                some = places[start : start + CHUNK]
                rows[some] = unit_rows(table[numbers[some] - first].astype(np.float32).mean(1))
            first += len(table)
        return torch.from_numpy(rows).reshape(*pictures.shape, -1)

    def to_dict(self) -> dict[str, Any]:
        """What a report says of it."""
        return {
            "n_pictures": int((self.labels_n >= 0).sum()),
            "n_classes": len(self.classes),
            "encoder": self.encoder,
            "fingerprint": self.fingerprint,
            "n_views": self.n_views,
            "identity": self.identity,
        }


def same_name(label: str) -> str:
    """What two labels of one class agree in: the readable name, in small letters."""
    return readable_name(label).casefold()


def _of_stores(
    name: str,
    pools: Sequence[tuple[FeatureStore, np.ndarray]],
    classes: tuple[str, ...],
    text_labels: Sequence[str],
    *,
    rename: bool = False,
) -> EvaluationSet:
    """Join pictures; the texts are the first store's, of its classes `text_labels`."""
    stores = [store for store, _ in pools]
    if len(classes) < 2:
        raise DataError(
            f"expected pictures of at least two classes in the feature store {stores[0].folder}, "
            f"got {len(classes)}; encode a folder that holds one folder for each class"
        )
    number = {label: position for position, label in enumerate(classes)}
    known = {
        label: number.get(same_name(label) if rename else label, -1)
        for label in set(_column(stores, "label").tolist())
    }
    pool_n = np.concatenate([pool_n for _, pool_n in pools])
    numbers_n = np.array([known[label] for label in _column(stores, "label").tolist()], dtype=int)
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
