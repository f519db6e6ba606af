"""The remedy that `predict` names, on the pairs of test sets of configs/eval/shift.toml.

The stores are made as that file says: python -m tools.trials.remedy_on_test_sets STORES
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import torch

from metaadapter.adapter.weights import classify
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.generator.pretrained import load_generator
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.query_shift import QuerySample

warnings.filterwarnings("ignore")
SETS, KINDS = ("test-flowers17", "test-grocery", "test-dtd10"), (".edges", ".gray40")
WAYS, SHOTS, ASKED, DRAWS = 7, 4, 15, 6


class Pictures:
    """A store: its mean features, labels, and what tells a picture in all its copies."""

    def __init__(self, name: str) -> None:
        self.store = FeatureStore.open(Path(sys.argv[1]) / name)
        features, labels = self.store.mean_features()
        self.x, self.y = np.asarray(features), np.asarray(labels)
        paths = [Path(picture.path) for picture in self.store.rows.pictures()]
        self.key = np.array(["/".join(path.with_suffix("").parts[-2:]) for path in paths])


def measure(one: Pictures, other: Pictures) -> np.ndarray:
    default, texts, figures = load_generator("default"), one.store.class_texts(), []
    for seed in range(DRAWS):
        rng = np.random.default_rng(1000 + seed)
        names = sorted(rng.permutation(sorted({*one.y} & {*other.y}))[:WAYS])
        support = [rng.permutation(np.flatnonzero(one.y == name))[:SHOTS] for name in names]
        rows = np.concatenate(support)
        labels = [name for name, of_class in zip(names, support, strict=True) for _ in of_class]
        used, asked = {*one.key[rows]}, []
        for name in names:
            others = rng.permutation(np.flatnonzero(other.y == name))
            asked += [place for place in others if other.key[place] not in used][:ASKED]
        fitted = MetaAdapterClassifier(
            {name: np.asarray(texts[name]) for name in names},
            blocks=one.store.blocks,
            logit_scale=one.store.logit_scale,
        ).fit(one.x[rows], labels)
        sample = QuerySample(fitted.stored_)
        sample.add(other.x[asked])
        shift, exact = sample.shift, fitted.support_.exact
        x = torch.from_numpy(other.x[asked]).double()
        heads = (exact.zero_shot(), default.predict(exact), default.predict(exact.with_pool(x)))
        right = [
            (
                np.array(names)[classify(x[None], head)[0].argmax(-1).numpy()] == other.y[asked]
            ).mean()
            for head in heads
        ]
        is_named = shift.gain is not None
        gains = (shift.gain, right[2] - right[1]) if is_named else (np.nan, np.nan)
        figures.append([*right, right[1 + is_named], shift.is_shifted, is_named, *gains])
    mean: np.ndarray = 100 * np.nanmean(figures, axis=0)
    return mean


if __name__ == "__main__":
    torch.set_num_threads(1)
    pairs = [
        pair
        for name in SETS
        for kind in KINDS
        for pair in ((name, name + kind), (name + kind, name))
    ]
    means = []
    for one, other in pairs:
        means.append(measure(Pictures(one), Pictures(other)))
        print(one, other, np.round(means[-1], 1), flush=True)
    print("names nothing pool chosen warned named expected had", np.round(np.mean(means, 0), 1))
