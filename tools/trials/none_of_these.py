"""Pictures of none of the classes as a class of the adapter: strangers caught, and false alarms.

    python -m tools.trials.none_of_these STORE STORE STORE [--seeds 5]

Stores are written by `metaadapter encode` with the encoder `tiny`. Each store in turn has the
classes, another one the pictures of none and their further pictures, the third the far strangers.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np
import torch
from scipy.stats import rankdata

from benchmarks.advice.draws import Set, read
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.generator.pretrained import shared_generator
from metaadapter.workflow.fit_adapter import labelled_support, predict_adapter
from metaadapter.workflow.predictions import NONE_OF_THESE, best_classes, predict_probabilities

N_WAY, QUERIES, STRANGERS, MOST_NONE = 6, 20, 60, 16


def measure(own: Set, other: Set, third: Set, n_shot: int, seed: int) -> dict[int, list[float]]:
    """Number of pictures of none → AUROC of three kinds, false alarms, caught, kept accuracy."""
    rng = np.random.default_rng([seed, n_shot, *map(len, (own.labels, other.labels))])
    names = rng.permutation(sorted(own.texts))
    classes, others = sorted(names[:N_WAY].tolist()), names[N_WAY:]
    shots, queries = [], []
    for label in classes:
        rows = rng.permutation(np.flatnonzero(own.labels == label))
        shots += rows[:n_shot].tolist()
        queries += rows[n_shot : n_shot + QUERIES].tolist()
    near = rng.permutation(np.flatnonzero(np.isin(own.labels, others)))[:STRANGERS]
    kinds = rng.permutation(sorted(other.texts))[:4]
    of_none = rng.permutation(np.flatnonzero(np.isin(other.labels, kinds)))
    same = of_none[MOST_NONE : MOST_NONE + STRANGERS]
    far = rng.permutation(len(third.labels))[:STRANGERS]
    strangers = (other.features[same], own.features[near], third.features[far])
    texts, results = {label: own.texts[label] for label in classes}, {}
    for n_none in (0, 1, 4, 16):
        labels = [*own.labels[shots].tolist(), *[NONE_OF_THESE] * n_none]
        rows = np.concatenate([own.features[shots], other.features[of_none[:n_none]]])
        names = [*classes, NONE_OF_THESE] if n_none else classes
        support = labelled_support(rows, labels, names, texts, None, blocks=own.blocks)
        weights = predict_adapter(shared_generator("default")[0], support)
        known, *unknown = (
            best_classes(names, predict_probabilities(rows, weights), weights)
            for rows in (own.features[queries], *strangers)
        )
        kept = [
            answer.label == label and not answer.unfamiliar
            for answer, label in zip(known, own.labels[queries], strict=True)
        ]
        results[n_none] = [
            *(auroc(known, answers) for answers in unknown),
            *(np.mean([one.unfamiliar for one in answers]) for answers in (known, *unknown)),
            np.mean(kept),
        ]
    return results


def auroc(known: list, unknown: list) -> float:
    """The chance that a known picture has a larger probability of known than a stranger."""
    ranks = rankdata([one.known for one in (*known, *unknown)])[: len(known)]
    return (ranks.sum() - len(known) * (len(known) + 1) / 2) / (len(known) * len(unknown))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stores", type=Path, nargs=3)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    sets = [read(FeatureStore.open(path)) for path in options.stores]
    for n_shot in (1, 4, 16):
        results = [
            measure(*three, n_shot, seed)
            for three in itertools.permutations(sets)
            for seed in range(options.seeds)
        ]
        for n_none in results[0]:
            mean = 100 * np.mean([result[n_none] for result in results], axis=0)
            print(n_shot, n_none, *(f"{value:.1f}" for value in mean))


if __name__ == "__main__":
    main()
