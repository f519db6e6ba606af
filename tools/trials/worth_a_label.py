# ruff: noqa
"""Labels of chosen pictures against random ones.

python worth_a_label.py FOLDER BOXES STORE…  (a folder of frames with its boxes; feature stores)
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
from boxed_frames import Frames, macro_accuracy, texts_of, told

from metaadapter.apps.advice.representatives import representatives
from metaadapter.features.store.feature_store import FeatureStore

warnings.filterwarnings("ignore")


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def distances_of(rows):
    rows = unit(unit(rows.astype(float)) - unit(rows.astype(float)).mean(0))
    return rows, np.maximum(2 - 2 * rows @ rows.T, 0)


def chosen(rows, n, rng):
    return representatives(rows, n)


def random(rows, n, rng):
    return rng.permutation(len(rows))[:n].tolist()


def farthest(rows, n, rng):
    _, distances = distances_of(rows)
    numbers = [int(distances.sum(1).argmin())]
    while len(numbers) < n:
        numbers.append(int(distances[:, numbers].min(1).argmax()))
    return numbers


def medoids(rows, n, rng):
    _, distances = distances_of(rows)
    numbers = representatives(rows, n)
    for _ in range(10):
        nearest = distances[:, numbers].argmin(1)
        members = [np.flatnonzero(nearest == place) for place in range(n)]
        numbers = [int(some[distances[np.ix_(some, some)].sum(0).argmin()]) for some in members]
    return numbers


def typical(rows, n, rng):
    """TypiClust (Hacohen et al., 2022): the picture of each k-means cluster with near others."""
    unit_rows, distances = distances_of(rows)
    centres = unit_rows[representatives(rows, n)]
    for _ in range(30):
        nearest = (unit_rows @ centres.T).argmax(1)
        groups = [unit_rows[nearest == place] for place in range(n)]
        centres = np.stack([g.mean(0) if len(g) else c for g, c in zip(groups, centres)])
    numbers = []
    for place in range(n):
        some = np.flatnonzero(nearest == place)
        near = np.sort(distances[np.ix_(some, some)], 1)[:, 1:21]
        numbers += [int(some[near.mean(1).argmin()] if len(some) > 1 else some[0])][: len(some)]
    return [*dict.fromkeys([*numbers, *representatives(rows, 2 * n)])][:n]


METHODS = (random, chosen, farthest, medoids, typical)


def compare(title, features, labels, texts):
    for tail in (False, True):
        for n in (10, 30):
            results = {method.__name__: [] for method in METHODS}
            for draw in range(20):
                rng = np.random.default_rng([draw, 5])
                candidates, queries = [], []
                for place, name in enumerate(rng.permutation([*texts])):
                    rows = rng.permutation(np.flatnonzero(labels == name))
                    half = len(rows) // 2
                    queries += rows[half:].tolist()
                    kept = max(1, round(half * 0.6**place)) if tail else half
                    candidates += rows[:kept].tolist()
                candidates = np.sort(candidates)
                for method in METHODS:
                    rng = np.random.default_rng([draw, 9])
                    support = candidates[method(features[candidates], n, rng)]
                    case = (features, labels, support, np.array(queries), texts)
                    results[method.__name__].append(macro_accuracy(*case))
            kind = "uneven" if tail else "even"
            told_of = {name: told(some, results["random"]) for name, some in results.items()}
            print(title, kind, n, told_of, flush=True)


frames = Frames(Path(sys.argv[1]), Path(sys.argv[2]))
animals = frames.labels != "empty"
names = texts_of(sorted({*frames.labels}))
bare = {name: text for name, text in names.items() if name != "empty"}
compare("boxes", frames.surest[animals], frames.labels[animals], bare)
compare("whole", frames.whole, frames.labels, names)
for store in map(FeatureStore.open, map(Path, sys.argv[3:])):
    rows, labels = store.mean_features()
    compare(store.folder.name, np.asarray(rows), np.asarray(labels), dict(store.class_texts()))
