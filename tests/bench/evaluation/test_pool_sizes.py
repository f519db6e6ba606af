"""Sizes of pools: a number, or a range that each task draws from, and their columns in the rows."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from metaadapter.bench.evaluation.draws import draw_tasks
from metaadapter.bench.evaluation.pools import pool_facts


def sizes(rows):
    return (rows.pool_TU >= 0).sum(1).tolist()


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
