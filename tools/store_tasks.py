"""Tasks from feature stores for measurements; the tasks are the same at each number of shots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from episodes import EpisodeBatch, EpisodeRows, TaskSource, gather, nested_draws
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import logits_of
from metaadapter.bench.peers.by_name import Peer
from metaadapter.features.store.feature_store import FeatureStore

SHOTS = (1, 2, 4, 8, 16)
MOST_CLASSES, N_QUERY = 20, 15
# Tasks in a batch; CLIP-Adapter on 20 classes of 16 shots then takes less than 1 GiB.
CHUNK = 25


@dataclass(frozen=True, slots=True)
class StoreTasks:
    """Tasks from one store: more shots include the fewer shots, and the queries stay the same."""

    source: TaskSource
    rows: EpisodeRows

    @classmethod
    def draw(cls, source: TaskSource, n_tasks: int, seed: int = 0) -> StoreTasks:
        """Draw tasks: up to 20 classes, 15 queries each, shots as the smallest class allows."""
        smallest = int(source.index.counts_C.min())
        shots = tuple(n_shot for n_shot in SHOTS if n_shot < smallest)
        rows = nested_draws(source.index, shots, N_QUERY, n_tasks, MOST_CLASSES, seed)
        return cls(source, rows)

    @property
    def shots(self) -> tuple[int, ...]:
        """The possible numbers of shots."""
        return tuple(n_shot for n_shot in SHOTS if n_shot <= self.rows.support_TNK.shape[-1])

    def batches(self, n_shot: int) -> Iterator[EpisodeBatch]:
        """All tasks with their first `n_shot` pictures per class, in batches."""
        for part in self.rows.first(n_shot).split(CHUNK):
            yield gather(part, self.source).batch

    def accuracy_T(self, method: Peer, n_shot: int) -> np.ndarray:
        """The accuracy of each task in %."""
        percent = []
        for batch in self.batches(n_shot):
            head = method(Support.of_batch(batch, self.source.logit_scale, self.source.blocks))
            there_TQ = batch.query_labels_TQ >= 0
            correct_TQ = logits_of(head, batch.query_TQD).argmax(-1) == batch.query_labels_TQ
            percent.append(100 * correct_TQ.sum(-1).double() / there_TQ.sum(-1))
        return torch.cat(percent).numpy()


def load_source(folder: Path) -> TaskSource:
    """A store with one feature for each picture, the mean of its views."""
    store = FeatureStore.open(folder)
    X, y = store.mean_features()
    texts = store.class_texts()
    return TaskSource(
        name=folder.name,
        features_nVD=torch.from_numpy(X)[:, None],
        labels_n=torch.from_numpy(np.searchsorted(store.classes, y)),
        text_CD=torch.from_numpy(np.stack([texts[name] for name in store.classes])),
        logit_scale=store.logit_scale,
        blocks=store.blocks,
    )
