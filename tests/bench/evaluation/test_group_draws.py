"""Tasks by group: no group gives both labelled pictures and queries or pool."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from metaadapter.bench.evaluation.draws import classes_left_out, draw_tasks, enough_groups
from metaadapter.bench.evaluation.integrity import support_apart
from metaadapter.bench.evaluation.tables import draw_table

COUNTS = {"ant": 24, "bee": 24, "cow": 24}
# Each camera sees eight pictures of one class and four of another.
CAMERAS = [f"camera {number // 4 % 9}" for number in range(72)]


@pytest.fixture
def cameras(make_store):
    return make_store("traps", COUNTS, spread=0.8, group=CAMERAS).folder


@pytest.mark.parametrize("queries", [3, "all"])
def test_draw_tasks__by_group__has_no_group_on_both_sides(cameras, draw, queries):
    data, rows = draw(
        cameras, by_group=True, tasks=8, shots=(1, 4), queries=queries, pool="balanced", pool_size=2
    )

    assert data.name == "traps by group"
    cameras_seen = set()
    for task in range(8):
        support, query, pool = (
            part[task][part[task] >= 0].tolist()
            for part in (rows.support_TNK, rows.query_TNQ, rows.pool_TU)
        )
        labelled = {CAMERAS[number] for number in support}
        cameras_seen |= labelled
        assert len(support) == 3 * 4
        assert not labelled & {CAMERAS[number] for number in query + pool}
        assert not set(query) & set(pool)
        assert len(pool) == 3 * 2
        if queries == "all":
            free = [number for number in range(72) if CAMERAS[number] not in labelled]
            assert sorted(query + pool) == free
        for way, number in enumerate(rows.classes_TN[task].tolist()):
            own = np.concatenate([rows.support_TNK[task, way], rows.query_TNQ[task, way]])
            assert set(data.labels_n[own[own >= 0]]) == {number}
    assert cameras_seen == set(CAMERAS)
    assert support_apart(draw_table([(data, 0, rows, None)]), []).status == "pass"


def test_enough_groups__random_groups__agrees_with_every_order(make_store, load):
    rng = np.random.default_rng(0)
    groups = [f"{label}{rng.integers(1, 5)}" for label in "abcdefgh" for _ in range(7)]
    counts = dict.fromkeys("abcdefgh", 7)
    data, _ = load(make_store("random", counts, group=groups).folder, by_group=True)
    orders = 0
    for n_shot in (1, 4, 6):
        enough = enough_groups(data, n_shot)
        for number, label in enumerate(data.classes):
            sizes = np.unique(groups[7 * number : 7 * number + 7], return_counts=True)[1]
            n_kept = max(1, round(len(sizes) / 3))
            reached = any(
                sum(order[: len(sizes) - n_kept]) >= n_shot for order in permutations(sizes)
            )
            assert enough[number] == reached, label
            orders += reached
    assert 0 < orders < 24


def test_by_group__class_of_one_group__is_left_out(make_store, load):
    groups = [*"xxxx", *"xyyz", *"zyxx"]
    store = make_store("traps", {"ant": 4, "bee": 4, "cow": 4}, group=groups).folder
    data, config = load(store, by_group=True, shots=(1,))

    assert classes_left_out(data, config) == {"ant": 4}
    assert set(draw_tasks(data, config, 0).classes_TN[0].tolist()) == {1, 2}


def test_fewer_shots__class_of_few_groups__gives_what_it_has_from_all_its_groups(make_store, draw):
    groups = [*"aaaabbbbcccc", *"defghijklmno"]
    store = make_store("traps", {"ant": 12, "bee": 12}, group=groups).folder

    data, rows = draw(store, by_group=True, fewer_shots=True, shots=(1, 2, 16))

    ways = rows.classes_TN[0].tolist()
    support = {data.classes[way]: rows.support_TNK[0, n] for n, way in enumerate(ways)}
    # A third of the groups is for queries: one of three, and four of twelve.
    assert {name: int((row >= 0).sum()) for name, row in support.items()} == {"ant": 8, "bee": 8}
    assert support["ant"].shape == (16,)
    # The first two shots are of two groups, though each has four pictures.
    assert len({groups[number] for number in support["ant"][:2].tolist()}) == 2
    assert len({groups[number] for number in rows.query_TNQ[0].flatten().tolist()}) == 5
    assert support_apart(draw_table([(data, 0, rows, None)]), []).status == "pass"
