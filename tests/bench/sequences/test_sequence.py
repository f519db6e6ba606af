from __future__ import annotations

import pytest
import torch

from metaadapter.bench.evaluation.store_sets import load_sets
from metaadapter.bench.sequences.sequence import draw_sequence, look_up, require_one_encoder
from metaadapter.errors import DataError, IncompatibleArtifact


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


def test_sequence__shuffle__is_drawn_by_the_seed(zoo, plan):
    config = plan(*zoo, shuffle=True)
    sets = load_sets(config)

    def orders():
        drawn = [draw_sequence(sets, config, seed) for seed in range(9)]
        return [tuple(place.name for place in places) for places in drawn]

    result = orders()
    assert result == orders()
    assert set(result) == {("pets", "toys"), ("toys", "pets")}


def test_sequence__more_shots__keep_the_queries_and_the_first_pictures(zoo, plan):
    config = plan(zoo[0])
    (place,) = draw_sequence(load_sets(config), config, seed=0)

    task = look_up(place, joint_alone=False)

    few = task.first(1)
    assert torch.equal(few.query_QD, task.query_QD)
    assert len(task.query_QD) == 4 * 5
    assert torch.equal(few.support.support_TNKD, task.support.support_TNKD[:, :, :1])
    assert few.support.labelled_rows()[1].tolist() == [0, 1, 2, 3]


def test_sequence__too_many_splits__says_how_many_classes_there_are(zoo, plan):
    config = plan(zoo[1], splits=2)

    with pytest.raises(DataError, match="the set toys: expected two classes or more in each of 2"):
        draw_sequence(load_sets(config), config, seed=0)


def test_sequence__stores_of_two_encoders__are_refused(zoo, plan, make_store):
    other = make_store("other", {"ant": 7, "bee": 7}, encoder="dashes")
    config = plan(zoo[0], str(other.folder))

    with pytest.raises(IncompatibleArtifact, match=r"pets is from .* and other from .*encode one"):
        require_one_encoder(load_sets(config))
