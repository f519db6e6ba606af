from __future__ import annotations

import sys

import pandas as pd
import pytest

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.draws import draw_tasks
from metaadapter.bench.evaluation.sets.store_sets import load_sets
from metaadapter.bench.run import evaluate

COUNTS = {"ant": 9, "bee": 9, "cow": 9, "dog": 9}


@pytest.fixture
def pets(make_store):
    """A store of four classes, nine pictures each, that lie apart."""
    return make_store("pets", COUNTS, spread=0.8).folder


@pytest.fixture
def ask():
    """A small evaluation of some stores or pairs of stores, with changes."""

    def make(*stores, **changes):
        settings = {"methods": ("zero-shot", "prototypes"), "shots": (1, 2), "seeds": 2}
        sources = tuple(s if isinstance(s, tuple) else str(s) for s in stores)
        return EvaluationConfig(**{"stores": sources} | settings | changes)

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


@pytest.fixture
def write_method(tmp_path, monkeypatch):
    """Writes a file of one's own functions, and a module `helper` beside it."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "helper", raising=False)

    def write(text, helper):
        (tmp_path / "mine.py").write_text(text)
        (tmp_path / "helper.py").write_text(helper)
        return tmp_path / "mine.py"

    yield write
    sys.modules.pop("helper", None)


@pytest.fixture
def tables_of(ask, tmp_path):
    """The rows and the draws of an evaluation."""

    def make(store, **changes):
        evaluate(ask(store, **changes), tmp_path / "run")
        return [
            pd.read_csv(tmp_path / "run" / name, keep_default_na=False)
            for name in ("rows.csv", "draws.csv.gz")
        ]

    return make
