from __future__ import annotations

import numpy as np
import pytest
import torch

from metaadapter.bench.evaluation.draws import classes_left_out, draw_tasks


def pictures(rows):
    return rows[rows >= 0].tolist()


def test_draw_tasks__all_queries__are_the_rest_of_each_class(pets, draw):
    data, rows = draw(pets, tasks=3)

    assert rows.classes_TN.shape == (3, 4)
    for task in range(3):
        for way, number in enumerate(rows.classes_TN[task].tolist()):
            own = (data.labels_n == number).nonzero()[0].tolist()
            support, queries = (
                pictures(of_class[task, way]) for of_class in (rows.support_TNK, rows.query_TNQ)
            )
            assert len(support) == 2
            assert sorted(support + queries) == own


def test_draw_tasks__fewer_shots__are_the_beginning_of_more(pets, draw):
    _, rows = draw(pets, seed=1)

    assert rows.first(1).support_TNK.equal(rows.support_TNK[..., :1])
    assert rows.first(1).query_TNQ.equal(rows.query_TNQ)


def test_draw_tasks__seed__decides_the_draw(pets, load):
    data, config = load(pets)

    one, same, other = (draw_tasks(data, config, seed).support_TNK for seed in (0, 0, 1))

    assert one.equal(same)
    assert not one.equal(other)


def test_draw_tasks__ways_and_sampled_queries__are_as_many_as_asked_for(pets, draw):
    _, rows = draw(pets, ways=3, queries=4, tasks=5)

    assert rows.support_TNK.shape == (5, 3, 2)
    assert rows.query_TNQ.shape == (5, 3, 4)
    both = torch.cat([rows.support_TNK, rows.query_TNQ], -1).flatten(1)
    assert [len(set(task.tolist())) for task in both] == [3 * 6] * 5


@pytest.mark.parametrize("queries", ["all", 3])
def test_draw_tasks__train_and_test_split__are_support_and_queries(make_store, draw, queries):
    split = (["train"] * 4 + ["test"] * 5 + ["val"] * 3) * 2
    store = make_store("split", {"ant": 12, "bee": 12}, split=split)
    _, rows = draw(store.folder, queries=queries)

    of_picture = np.array(split)
    assert set(of_picture[pictures(rows.support_TNK)]) == {"train"}
    assert set(of_picture[pictures(rows.query_TNQ)]) == {"test"}
    assert len(pictures(rows.query_TNQ)) == 2 * (5 if queries == "all" else 3)


def test_draw_tasks__unknown_fraction__takes_classes_out_of_sight(pets, draw):
    data, rows = draw(pets, unknown=0.25)

    known = set(rows.classes_TN[0].tolist())
    labels_n = data.labels_n
    assert len(known) == 3
    assert set(labels_n[pictures(rows.support_TNK)].tolist()) == known
    assert set(labels_n[pictures(rows.query_TNQ)].tolist()) == known
    assert set(labels_n[pictures(rows.off_class_TO)].tolist()) == set(range(4)) - known


def test_classes_left_out__too_few_pictures__are_told_with_their_number(make_store, load):
    store = make_store("few", {"ant": 5, "bee": 5, "cow": 2, "dog": 1})
    data, config = load(store.folder, shots=(1, 2))

    assert classes_left_out(data, config) == {"cow": 2, "dog": 1}
    assert draw_tasks(data, config, 0).classes_TN.shape == (1, 2)
