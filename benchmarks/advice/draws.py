"""Draws of labelled pictures from a store, and others of the same classes to measure by."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np
import torch

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.apps.advice.advice import Advice
from metaadapter.apps.advice.advise import advise
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
    """Labelled pictures, others of the same classes, and what each name says."""

    features: np.ndarray
    labels: np.ndarray
    texts: dict[str, np.ndarray]
    queries: np.ndarray
    query_labels: np.ndarray
    further: dict[str, np.ndarray]
    """class → features of two pictures that are in neither."""
    blocks: tuple[int, ...]

    def advice(self) -> list[Advice]:
        return advise(self.features, self.labels.tolist(), self.texts, blocks=self.blocks)

    def confusion(self) -> np.ndarray:
        """(q, N) log-probabilities of the queries by the generator that ships."""
        classes = sorted(self.texts)
        rows = torch.from_numpy(self.features)
        numbers = torch.from_numpy(np.searchsorted(classes, self.labels))
        texts = torch.from_numpy(np.stack([self.texts[label] for label in classes]))
        support = Support.of_rows(rows, numbers, texts, logit_scale=20.0, blocks=self.blocks)
        weights = shared_generator("default")[0].predict(support)
        return classify(torch.from_numpy(self.queries)[None], weights)[0].log_softmax(-1).numpy()

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


def draw(some: Set, shots: dict[str, int] | int, rng: np.random.Generator) -> Draw:
    classes = rng.permutation(sorted(some.texts))[:N_WAY]
    if isinstance(shots, dict):
        shots = dict(zip(classes, shots.values(), strict=False))
    rows: dict[str, list[int]] = defaultdict(list)
    further = {}
    for label in classes:
        own = rng.permutation(np.flatnonzero(some.labels == label))
        n_own = shots[label] if isinstance(shots, dict) else shots
        rows["support"] += own[:n_own].tolist()
        further[label] = some.features[own[n_own : n_own + 2]]
        rows["queries"] += own[n_own + 2 :][:QUERIES].tolist()
    return Draw(
        some.features[rows["support"]],
        some.labels[rows["support"]],
        {label: some.texts[label] for label in classes},
        some.features[rows["queries"]],
        some.labels[rows["queries"]],
        further,
        some.blocks,
    )
