"""Sizes of pools: a number, or a range that each task draws from, and their columns in the rows."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest

from metaadapter.apps.cli.app import main
from metaadapter.bench.evaluation.config import EvaluationConfig, load_evaluation
from metaadapter.bench.evaluation.draws import draw_tasks
from metaadapter.bench.evaluation.folder import read_record
from metaadapter.bench.evaluation.pools import pool_facts
from metaadapter.bench.evaluation.run import evaluate
from metaadapter.errors import DataError

# As they were before a size could be a range.
DRAWN = {
    ("balanced", "all"): (
        [201, 88, 83, 119, 109, 198, 82, 188, 97],
        [82, 187, 152, 166, 209, 185, 87, 81, 159],
    ),
    ("skewed", 5): (
        [210, 124, 195, 185, 90, 87, 196, 183, 173],
        [176, 187, 143, 184, 193, 82, 205, 194, 87],
    ),
    ("strangers", 5): (
        [206, 127, 84, 11, 187, 177, 65, 87, 111, 83, 159, 35, 144, 123, 45],
        [201, 185, 47, 110, 106, 152, 167, 88, 26, 87, 41, 15, 90, 184, 138],
    ),
}


def sizes(rows):
    return (rows.pool_TU >= 0).sum(1).tolist()


@pytest.mark.parametrize(("kind", "queries"), DRAWN)
def test_pool__of_a_single_size__is_the_one_it_always_was(zoo, draw, kind, queries):
    _, rows = draw(zoo, tasks=2, ways=3, pool=kind, pool_size=3, queries=queries)

    assert tuple(rows.pool_TU.tolist()) == DRAWN[kind, queries]


def test_pool__of_a_range__has_sizes_of_equal_chance_on_a_logarithmic_axis(zoo, load):
    changes = {"tasks": 2000, "ways": 2, "shots": (1,), "pool": "balanced", "queries": 1}
    data, config = load(zoo, pool_size=(2, 8), **changes)

    counts = Counter(n // 2 for n in sizes(draw_tasks(data, config, 0)))

    assert set(counts) == set(range(2, 9))
    for size, count in counts.items():
        expected = math.log((size + 1) / size) / math.log(9 / 2)
        assert count / 2000 == pytest.approx(expected, abs=0.04)


def test_pool__of_a_range__leaves_support_and_queries_and_is_drawn_anew_by_seed(zoo, load):
    data, config = load(zoo, tasks=5, ways=3, pool="balanced", pool_size=(1, 9), queries=5)
    _, bare = load(zoo, tasks=5, ways=3, queries=5)

    one, same, other = (draw_tasks(data, config, seed) for seed in (0, 0, 1))

    assert one.pool_TU.equal(same.pool_TU)
    assert sizes(one) != sizes(other)
    assert one.support_TNK.equal(draw_tasks(data, bare, 0).support_TNK)
    assert one.query_TNQ.equal(draw_tasks(data, bare, 0).query_TNQ)


@pytest.mark.parametrize("kind", ["balanced", "skewed", "strangers"])
def test_pool_facts__are_as_a_slow_loop_has_them(zoo, draw, kind):
    data, rows = draw(zoo, tasks=6, ways=3, pool=kind, pool_size=(2, 9), queries=5)

    facts = pool_facts(rows, data)

    assert facts["n_pool"] == sizes(rows)
    for task, classes in enumerate(rows.classes_TN.tolist()):
        labels = [data.labels_n[row] for row in rows.pool_TU[task].tolist() if row >= 0]
        known = Counter(label for label in labels if label in classes)
        entropy = -sum(n / known.total() * math.log(n / known.total()) for n in known.values())
        assert facts["pool_evenness"][task] == pytest.approx(math.exp(entropy) / 3)


def test_pool_facts__without_a_pool__are_nought_and_nothing(zoo, load):
    data, config = load(zoo, tasks=2)

    facts = pool_facts(draw_tasks(data, config, 0), data)

    assert facts["n_pool"] == [0, 0]
    assert np.isnan(facts["pool_evenness"]).all()


def test_rows__tell_the_pool_of_the_task_whatever_the_method_sees(zoo, ask, tmp_path):
    methods = ("closed-form", "closed-form@labelled")
    changes = {"tasks": 3, "ways": 3, "pool": "skewed", "pool_size": (1, 9), "queries": 5}
    config = ask(zoo, methods=methods, seeds=1, **changes)

    means = evaluate(config, tmp_path / "run").means

    rows = pd.read_csv(tmp_path / "run" / "rows.csv")
    columns = ["n_shot", "n_pool", "pool_evenness"]
    one, other = (rows[rows["method"] == method][columns] for method in methods)
    assert one.to_numpy().tolist() == other.to_numpy().tolist()
    assert rows["pool_evenness"].between(1 / 3 - 1e-9, 1 + 1e-9).all()
    assert {"n_pool", "pool_evenness"}.isdisjoint(means["metric"])


@pytest.mark.parametrize("size", [0, -3, 1.5, True, "many", [40, 1], [3, 3], [1, 2, 3], [0, 4], []])
def test_config__size_that_is_neither_number_nor_range__is_refused(size):
    message = (
        r"pool_size: expected a whole number from 1 to 1000000, or two of them as in \[1, 40\]"
    )
    with pytest.raises(DataError, match=message):
        load_evaluation(None, {"stores": ["a"], "pool": "balanced", "pool_size": size})
    with pytest.raises(DataError, match="pool_size needs a pool"):
        load_evaluation(None, {"stores": ["a"], "pool_size": 3})


def test_config__command__measures_the_same_range(zoo, tmp_path, ask):
    few = {"methods": ("zero-shot",), "shots": (1,), "seeds": 1, "queries": 5}
    config = ask(zoo, pool="skewed", pool_size=(1, 6), **few)
    words = config.command.split()

    assert main([*words[1:-1], str(tmp_path / "run"), "--jobs", "1", "--quiet"]) == 0

    assert EvaluationConfig.model_validate(read_record(tmp_path / "run")["config"]) == config
    assert "--pool-size 1-6" in config.command


@pytest.mark.parametrize("text", ["many", "1-2-", "1..4", "-", "1 to 4"])
def test_evaluate__size_that_is_no_number__is_told(zoo, tmp_path, capsys, text):
    command = ["evaluate", str(zoo), "--pool", "balanced", "--out", str(tmp_path / "run")]

    assert main([*command, f"--pool-size={text}"]) == 2

    message = f"--pool-size expects a whole number or a range such as 1-40, got {text!r}"
    assert message in capsys.readouterr().err
