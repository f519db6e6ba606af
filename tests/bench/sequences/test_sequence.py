from __future__ import annotations

from metaadapter.bench.evaluation.store_sets import load_sets
from metaadapter.bench.sequences.sequence import draw_sequence


def test_sequence__stores__are_tasks_in_the_order_given(zoo, plan):
    config = plan(*zoo[::-1])

    result = draw_sequence(load_sets(config), config, seed=0)

    assert [place.name for place in result] == ["toys", "pets"]
    assert sorted(result[0].classes) == ["Ant", "car", "kite"]


def test_sequence__splits__share_out_the_classes_of_each_store(zoo, plan):
    config = plan(zoo[0], splits=2)

    result = draw_sequence(load_sets(config), config, seed=3)

    assert [place.name for place in result] == ["pets 1", "pets 2"]
    assert sorted(result[0].classes + result[1].classes) == ["ant", "bee", "cow", "dog"]
    orders = {draw_sequence(load_sets(config), config, seed)[0].classes for seed in range(9)}
    assert len(orders) > 2
