"""Labelled pictures as features: a class is a direction, its name is near it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from metaadapter.apps.advice.advise import advise

WIDTH = 24


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


@dataclass(frozen=True)
class Pictures:
    features: np.ndarray
    labels: tuple[str, ...]
    texts: dict[str, np.ndarray]

    def advice(self, **names):
        return advise(self.features, list(self.labels), self.texts, **names)

    def labelled(self, **labels):
        """With other labels at places: `_3="fox"`."""
        changed = list(self.labels)
        for place, label in labels.items():
            changed[int(place[1:])] = label
        return replace(self, labels=tuple(changed))

    def added(self, features, label):
        return replace(
            self,
            features=np.concatenate([self.features, unit(features[None])]),
            labels=(*self.labels, label),
        )

    def kept(self, places):
        places = list(places)
        labels = tuple(self.labels[place] for place in places)
        return replace(self, features=self.features[places], labels=labels)

    def places(self, label):
        return [place for place, own in enumerate(self.labels) if own == label]


def make(labels, n_shot=6, spread=0.5, alike=(), seed=0):
    """Pictures of classes; those of `alike` are of the same kind."""
    rng = np.random.default_rng(seed)
    directions = dict(zip(labels, unit(rng.standard_normal((len(labels), WIDTH))), strict=True))
    for label in alike[1:]:
        directions[label] = directions[alike[0]]
    rows, own, texts = [], [], {}
    for label, direction in directions.items():
        rows.append(direction + spread * unit(rng.standard_normal((n_shot, WIDTH))))
        own += [label] * n_shot
        texts[label] = unit(direction + 0.3 * unit(rng.standard_normal(WIDTH))).astype(np.float32)
    return Pictures(unit(np.concatenate(rows)).astype(np.float32), tuple(own), texts)


@pytest.fixture(scope="session")
def make_pictures():
    return make


@pytest.fixture(scope="session")
def clean():
    """Six classes of six pictures, nothing wrong with them."""
    return make(("bear", "crow", "deer", "fox", "hare", "owl"))
