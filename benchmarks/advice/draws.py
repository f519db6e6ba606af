"""Draws from a store: labelled pictures, and other pictures of their classes as queries."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np
import torch

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.apps.advice.advise import advise
from metaadapter.apps.advice.kinds import Advice
from metaadapter.features.encoded_pictures import read_store
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.generator.pretrained import shared_generator

N_WAY = 10
QUERIES = 20  # of each class


class Set(NamedTuple):
    """The pictures of a store, as arrays."""

    features: np.ndarray
    labels: np.ndarray
    texts: dict[str, np.ndarray]
    paths: tuple[str, ...]
    blocks: tuple[int, ...]


class Draw(NamedTuple):
    """Labelled pictures, queries of the same classes, and the text features of the names."""

    features: np.ndarray
    labels: np.ndarray
    texts: dict[str, np.ndarray]
    queries: np.ndarray
    query_labels: np.ndarray
    spare: dict[str, np.ndarray]
    """Class → features of two more pictures."""
    blocks: tuple[int, ...]

    def advice(self) -> list[Advice]:
        return advise(self.features, self.labels.tolist(), self.texts, blocks=self.blocks)

    def confusion(self) -> np.ndarray:
        """The (q, N) log-probabilities of the queries, predicted by the shipped generator."""
        classes = sorted(self.texts)
        rows = torch.from_numpy(self.features)
        numbers = torch.from_numpy(np.searchsorted(classes, self.labels))
        texts = torch.from_numpy(np.stack([self.texts[label] for label in classes]))
        support = Support.of_rows(rows, numbers, texts, logit_scale=20.0, blocks=self.blocks)
        weights = shared_generator("default")[0].predict(support.exact)
        return (
            classify(torch.from_numpy(self.queries).double()[None], weights)[0]
            .log_softmax(-1)
            .numpy()
        )

    def accuracy(self) -> float:
        predicted = np.array(sorted(self.texts))[self.confusion().argmax(-1)]
        return 100 * float((predicted == self.query_labels).mean())


def read(store: FeatureStore) -> Set:
    pictures = read_store(store)
    return Set(
        pictures.features.astype(np.float32),
        np.array(pictures.labels),
        dict(store.class_texts()),
        pictures.paths,
        store.blocks,
    )


def draw(
    pictures: Set, shots: dict[str, int] | int, rng: np.random.Generator, n_way: int = N_WAY
) -> Draw:
    classes = rng.permutation(sorted(pictures.texts))[:n_way]
    if isinstance(shots, dict):
        shots = dict(zip(classes, shots.values(), strict=False))
    rows: dict[str, list[int]] = defaultdict(list)
    spare = {}
    for label in classes:
        of_class = rng.permutation(np.flatnonzero(pictures.labels == label))
        n_own = shots[label] if isinstance(shots, dict) else shots
        rows["support"] += of_class[:n_own].tolist()
        spare[label] = pictures.features[of_class[n_own : n_own + 2]]
        rows["queries"] += of_class[n_own + 2 :][:QUERIES].tolist()
    return Draw(
        pictures.features[rows["support"]],
        pictures.labels[rows["support"]],
        {label: pictures.texts[label] for label in classes},
        pictures.features[rows["queries"]],
        pictures.labels[rows["queries"]],
        spare,
        pictures.blocks,
    )
