from __future__ import annotations

import pytest

from metaadapter.bench.evaluation.config import EvaluationConfig

FEW = {"methods": ("nearest mean", "zero-shot"), "shots": (1, 2), "seeds": 2}


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
