from __future__ import annotations

import pytest

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.draws import draw_tasks
from metaadapter.bench.evaluation.store_sets import load_sets

COUNTS = {"ant": 9, "bee": 9, "cow": 9, "dog": 9}


@pytest.fixture
def pets(make_store):
    """A store of four classes, nine pictures each, that lie apart."""
    return make_store("pets", COUNTS, spread=0.8).folder


@pytest.fixture
def ask():
    """A small evaluation of some stores, with changes."""

    def make(*stores, **changes):
        settings = {"methods": ("zero-shot", "prototypes"), "shots": (1, 2), "seeds": 2}
        return EvaluationConfig(stores=tuple(map(str, stores)), **settings | changes)

    return make


@pytest.fixture
def load(ask):
    """The one set of an evaluation, and its configuration."""

    def make(*stores, **changes):
        config = ask(*stores, **changes)
        (data,) = load_sets(config)
        return data, config

    return make


@pytest.fixture
def draw(load):
    """The one set of an evaluation, and its tasks at a seed."""

    def make(*stores, seed=0, **changes):
        data, config = load(*stores, **changes)
        return data, draw_tasks(data, config, seed)

    return make


@pytest.fixture
def zoo(make_store):
    """A store of six classes, one of them small."""
    counts = {"ant": 40, "bee": 40, "cow": 12, "dog": 40, "elk": 40, "fox": 40}
    return make_store("zoo", counts, spread=0.8).folder
