from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.peers import descent
from metaadapter.bench.peers.descent import descend
from metaadapter.bench.sequences.learner import Questions

SCALE = 20.0
FEW = {"methods": ("growing@prototypes", "library@zero-shot"), "shots": (1, 2), "seeds": 2}


@pytest.fixture
def zoo(make_store):
    """Two stores of one encoder: four animals, and three things one of which has their name."""
    pets = make_store("pets", {"ant": 7, "bee": 7, "cow": 7, "dog": 7}, spread=1.0)
    toys = make_store("toys", {"Ant": 7, "car": 7, "kite": 7}, spread=1.0, seed=1)
    return str(pets.folder), str(toys.folder)


@pytest.fixture
def plan():
    """A small continual evaluation of some stores, with changes."""

    def make(*stores, continual="class-incremental", **changes):
        return EvaluationConfig(stores=stores, continual=continual, **FEW | changes)

    return make


def random_tasks(n_ways=(3, 2, 4), n_shot=3, width=12, seed=0):
    """Supports of tasks whose pictures lie about the texts of their classes, in float64."""
    draw = torch.Generator().manual_seed(seed)

    def randn(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64)

    supports = []
    for n_way in n_ways:
        texts = normalize(randn(1, n_way, width), dim=-1)
        pictures = normalize(texts[:, :, None] + 0.2 * randn(1, n_way, n_shot, width), dim=-1)
        supports.append(Support.of_tasks(pictures, texts, logit_scale=SCALE))
    return supports


def questions_about(supports, tasks, n=7, seed=9):
    draw = torch.Generator().manual_seed(seed)
    width = supports[0].text_TND.shape[-1]
    rows = normalize(torch.randn(n, width, generator=draw, dtype=torch.float64), dim=-1)
    return Questions(rows, {task: supports[task].text_TND[0] for task in tasks}, SCALE)


def learn_all(learner, supports, order=None):
    state = learner.start()
    for task in range(len(supports)) if order is None else order:
        state = learner.learn(state, supports[task], task)
    return state


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Few steps of training: the properties of learners do not depend on their number."""
    monkeypatch.setattr(
        descent, "descend", lambda loss_T, optimizer, _: descend(loss_T, optimizer, 5)
    )


@pytest.fixture(scope="session")
def make_tasks():
    return random_tasks


@pytest.fixture
def tasks():
    """Three tasks of 3, 2 and 4 classes."""
    return random_tasks()


@pytest.fixture(scope="session")
def ask():
    """Seven random pictures, and the texts of some tasks."""
    return questions_about


@pytest.fixture(scope="session")
def learn():
    """A learner's state after all tasks, by default in their order."""
    return learn_all
