"""Far strangers: pictures of other stores, which no other draw depends on."""

from __future__ import annotations

import pytest
import torch

from metaadapter.bench.evaluation.draws import draw_tasks
from metaadapter.bench.evaluation.store_sets import far_set
from metaadapter.bench.evaluation.strangers import draw_far


@pytest.fixture
def others(make_store):
    """Two stores of other pictures, one of them small; "n01 Ant" and "bee" are classes of pets."""
    zoo = make_store("zoo", {"n01440764 Ant": 9, "elk": 9, "fox": 9}, seed=1).folder
    farm = make_store("farm", {"bee": 4, "hen": 2, "pig": 1}, seed=2).folder
    return str(zoo), str(farm)


@pytest.fixture
def far_of(pets, others, load):
    """The far strangers of the tasks of an evaluation."""

    def make(seed=0, **changes):
        data, config = load(pets, strangers=others, **changes)
        return draw_far(far_set(data, config), draw_tasks(data, config, seed), seed)

    return make


@pytest.mark.parametrize(("changes", "expected"), [({"ways": 3}, 6), ({"unknown": 0.25}, 2)])
def test_draw_far__as_many_as_near_strangers_or_queries(far_of, changes, expected):
    far = far_of(queries=2, **changes)

    assert far.picture_TF.shape == (1, expected)
    assert len(set(far.picture_TF[0].tolist())) == expected


def test_draw_far__classes_that_the_set_has_by_readable_name__are_left_out(far_of):
    far = far_of()

    labels = {far.data.classes[number] for number in far.data.labels_n[far.picture_TF[0]]}
    assert labels == {"elk", "fox", "hen", "pig"}


def test_draw_tasks__strangers_asked_for__are_the_tasks_as_without(pets, others, load):
    one, other = (
        draw_tasks(*load(pets, unknown=0.25, queries=3, **more), 0)
        for more in ({}, {"strangers": others})
    )

    for field in ("support_TNK", "query_TNQ", "off_class_TO"):
        assert torch.equal(getattr(one, field), getattr(other, field))
