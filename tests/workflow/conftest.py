from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.generator.generator import Generator
from metaadapter.generator.pretrained import load_generator
from tests.random_tasks import RandomTasks
from tests.small_pictures import (  # noqa: F401
    adapted,
    adapter,
    blurred,
    encoder,
    fitted,
    labelled,
    load_each_encoder_once,
    loaded,
    other_encoder,
    store_of,
    unlabelled,
)


@pytest.fixture
def make_tasks():
    return RandomTasks


@pytest.fixture
def no_encoder(monkeypatch):
    """No encoder can be loaded."""

    def refuse(*_, **__):
        raise AssertionError("the encoder was loaded")

    monkeypatch.setattr(FrozenEncoder, "load", refuse)


@pytest.fixture(scope="session")
def shipped() -> Generator:
    return load_generator("default").double()


NAMES = ("ant", "bee", "cat", "dog")


class Features:
    """Unit rows around one direction per class, and texts near the directions."""

    def __init__(self, n_shot=3, width=32, seed=0):
        rng = np.random.default_rng(seed)
        self.directions = rng.normal(size=(len(NAMES), width))
        self.y = np.repeat(NAMES, n_shot)
        self.X = self.around(self.y, rng)
        self.y_new = np.repeat(NAMES, 25)
        self.X_new = self.around(self.y_new, rng)
        texts = self.directions + rng.normal(size=(len(NAMES), width))
        self.texts = dict(zip(NAMES, texts, strict=True))

    @staticmethod
    def as_kept(rows):
        """Unit rows as a classifier keeps them: in float32, as they come from an encoder."""
        return normalize(torch.from_numpy(np.array(rows)).double(), dim=-1).float().double()

    @property
    def support(self):
        pictures = self.as_kept(self.X).unflatten(0, (len(NAMES), -1))
        return Support.of_tasks(pictures[None], self.as_kept([*self.texts.values()])[None])

    def without(self, name):
        """Rows, labels and texts of the other classes, and the rows of this one."""
        other = self.y != name
        texts = {label: text for label, text in self.texts.items() if label != name}
        return self.X[other], self.y[other], texts, self.X[~other]

    def around(self, labels, rng):
        rows = self.directions[[NAMES.index(label) for label in labels]]
        rows = rows + 1.2 * rng.normal(size=rows.shape)
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="session")
def make_data():
    return Features


@pytest.fixture
def data():
    return Features()
