"""Each fault that a box is there for, planted and seen."""

from __future__ import annotations

import pytest

from metaadapter.bench.evaluation import integrity
from metaadapter.bench.evaluation.draws import draw_tasks
from metaadapter.bench.evaluation.methods.method import UNTRAINED, MetaTraining, Method
from metaadapter.bench.evaluation.methods.method_by_name import load_method
from metaadapter.bench.evaluation.tables import draw_table
from metaadapter.bench.peers.by_name import PEERS

NONE = frozenset()


def made_with(record, name="mine"):
    return Method(name, "0", PEERS["zero-shot"], record)


def apart(data, config):
    draws = draw_table([(data, 0, draw_tasks(data, config, 0), None)])
    return integrity.support_apart(draws, [made_with(UNTRAINED)])


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({}, "pass"),
        ({"sha256": [f"{number % 9}" for number in range(36)]}, "fail"),
        ({"group": ["same burst"] * 36}, "fail"),
        ({"sha256": ["", *map(str, range(35))]}, "unknown"),
    ],
)
def test_support_apart__equal_pictures_on_both_sides__fail(make_store, load, facts, status):
    store = make_store("pets", {"ant": 9, "bee": 9, "cow": 9, "dog": 9}, **facts)
    box = apart(*load(store.folder))

    assert box.status == status
    assert box.methods == {"mine": status}
    assert ("pets" in box.detail) is (status == "fail")


@pytest.mark.parametrize(
    ("number", "record"),
    [
        (0, MetaTraining(frozenset({"pets"}), NONE, NONE)),
        (1, MetaTraining(NONE, frozenset({"bee"}), NONE)),
        (2, MetaTraining(NONE, NONE, frozenset({"pets"}))),
    ],
)
def test_record__names_what_is_evaluated__fails_that_box_alone(pets, load, number, record):
    data, _ = load(pets)

    boxes = integrity.check_records([made_with(record)], [data])

    assert [box.status for box in boxes] == ["fail" if i == number else "pass" for i in range(3)]
    assert "mine" in boxes[number].detail


def test_record__verdicts__are_those_of_each_method_and_none_hides_another(pets, load):
    data, _ = load(pets)
    trained = MetaTraining(frozenset({"pets"}), NONE, NONE)
    of_names = MetaTraining(pictures=None)
    methods = [
        *(made_with(UNTRAINED, "peer"), made_with(None, "own")),
        *(made_with(trained, "seen"), made_with(of_names, "old")),
    ]

    box, _, _ = integrity.check_records(methods, [data])

    assert box.methods == {"peer": "pass", "own": "unknown", "seen": "fail", "old": "pass"}
    assert box.status == "fail"
    assert "seen was trained on pets" in box.detail
    assert "there is no record of meta-training for own" in box.detail
    assert "true for peer, by the names of their stores and the bytes of their" in box.detail
    assert "true for old, by the names" in box.detail
    assert box.detail.endswith("this does not notice a renamed copy")


@pytest.mark.parametrize("name", ["trashnet6.large", "trashnet6"])
def test_meta_trained_peer__store_of_its_training__fails_by_the_record(make_store, load, name):
    data, _ = load(make_store(name, {"glass": 9, "metal": 9, "bullfrog": 9}).folder)
    peer = [load_method("MAML")]

    sets, classes, chosen = integrity.check_records(peer, [data])

    assert {sets.status, classes.status, chosen.status} == {"fail"}
    assert sets.detail == f"MAML was trained on {name}"
    assert "bullfrog" in classes.detail
