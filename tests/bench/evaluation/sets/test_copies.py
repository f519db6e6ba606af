"""Copies of one picture in two stores: no task labels one and asks about another."""

from __future__ import annotations

import numpy as np
import pytest

from metaadapter.bench.evaluation.draws import draw_tasks
from metaadapter.bench.evaluation.integrity import support_apart
from metaadapter.bench.evaluation.sets.copies import copy_numbers
from metaadapter.bench.evaluation.tables import draw_table
from metaadapter.errors import DataError

COUNTS = {"ant": 12, "bee": 12, "cow": 12}


def slow_components(keys):
    """Join pictures with an equal text until nothing changes."""
    numbers = list(range(len(keys[0])))
    changed = True
    while changed:
        changed = False
        for key in keys:
            for one, first in enumerate(key):
                for other, second in enumerate(key):
                    if first and first == second and numbers[one] > numbers[other]:
                        numbers[one], changed = numbers[other], True
    return numbers


def test_copy_numbers__random_keys__join_the_pictures_of_a_slow_loop():
    rng = np.random.default_rng(0)
    texts = np.array(["", *map(str, range(20))], dtype=object)
    keys = [texts[rng.integers(0, 21, 24)] for _ in range(2)]

    numbers, slow = copy_numbers(keys), np.array(slow_components(keys))

    assert np.array_equal(numbers[:, None] == numbers, slow[:, None] == slow)
    assert 1 < len(set(slow)) < 24


def paths(folder):
    return [f"{folder}/{label}/{k}.png" for label, count in COUNTS.items() for k in range(count)]


def groups(shift):
    return [f"{number // 3 + shift}" for number in range(36)]


@pytest.mark.parametrize("queries", [3, "all"])
@pytest.mark.parametrize("key", ["path", "sha256", "group"])
def test_draw_tasks__copy_in_the_other_store__is_neither_query_nor_in_the_pool(
    make_store, load, key, queries
):
    own = {
        "path": [{"path": paths("photos")}, {"path": paths("edges")}],
        "sha256": [{"path": paths(name), "sha256": paths("")} for name in ("photos", "edges")],
        "group": [{"path": paths(name), "group": groups(0)} for name in ("photos", "edges")],
    }[key]
    if key != "path":
        own[1]["path"] = [f"x{number}.png" for number in range(36)]
    stores = [
        str(make_store(name, COUNTS, **facts).folder)
        for name, facts in zip(("photos", "edges"), own, strict=True)
    ]
    data, config = load(tuple(stores), tasks=9, pool="balanced", pool_size=2, queries=queries)

    rows = draw_tasks(data, config, 0)

    size = 3 if key == "group" else 1
    for task in range(9):
        support, query, pool = (
            set((part[task][part[task] >= 0] % 36 // size).tolist())
            for part in (rows.support_TNK, rows.query_TNQ, rows.pool_TU)
        )
        assert support
        assert query
        assert pool
        assert not support & (query | pool)
    if key == "sha256":
        assert support_apart(draw_table([(data, 0, rows, None)]), []).status == "pass"


def test_draw_tasks__all_queries_are_copies__is_refused(make_store, load):
    counts = {"ant": 2, "bee": 2}
    stores = [str(make_store(name, counts).folder) for name in ("photos", "edges")]
    data, config = load(tuple(stores), shots=(2,))

    with pytest.raises(DataError, match="photos@edges: a task has no query"):
        draw_tasks(data, config, 0)
