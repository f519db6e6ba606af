"""Each fault that a box is there for, planted and seen."""

from __future__ import annotations

import pandas as pd
import pytest

from metaadapter.bench.evaluation import integrity
from metaadapter.bench.evaluation.draws import draw_tasks
from metaadapter.bench.evaluation.method import UNTRAINED, MetaTraining, Method
from metaadapter.bench.evaluation.method_by_name import load_method
from metaadapter.bench.evaluation.run import evaluate
from metaadapter.bench.evaluation.tables import draw_table
from metaadapter.bench.peers.by_name import PEERS
from metaadapter.errors import UsageError

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


def test_support_apart__copy_among_the_unknown_classes__fails(make_store, load):
    hashes = [f"{number % 27}" for number in range(36)]
    store = make_store("pets", {"ant": 9, "bee": 9, "cow": 9, "dog": 9}, sha256=hashes)

    assert apart(*load(store.folder, unknown=0.25, shots=(8,))).status == "fail"


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


def test_record__missing__is_unknown(pets, load):
    data, _ = load(pets)

    _, box, _ = integrity.check_records([made_with(UNTRAINED), made_with(None, "folder")], [data])

    assert (box.status, "folder" in box.detail) == ("unknown", True)


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


def test_meta_trained_peer__store_of_another_encoder__is_refused(ask, make_store, tmp_path):
    store = make_store("pets", {"ant": 9, "bee": 9}, width=1024, encoder="ViT-B-32/openai")
    config = ask(store.folder, methods=("zero-shot", "ANIL"))

    message = r"ANIL are .*\btiny\b.*, but the store pets has features of ViT-B-32/openai"
    with pytest.raises(UsageError, match=message):
        evaluate(config, tmp_path / "run")

    assert not (tmp_path / "run").exists()


def test_meta_trained_peer__store_of_its_encoder__is_measured(ask, make_store, tmp_path):
    store = make_store("pets", {"ant": 9, "bee": 9}, width=1024, encoder="tiny", spread=0.5)
    config = ask(store.folder, methods=("zero-shot", "meta-peers"), shots=(1,), seeds=1)

    evaluate(config, tmp_path / "run")

    rows = pd.read_csv(tmp_path / "run" / "rows.csv").set_index("method")
    assert rows["trained_parameters"].to_dict() == {
        "zero-shot": 0,
        "Meta-Adapter": 0,
        "ANIL": 2 * 1024,
        "MAML": 2 * 1024 + 2 * 64 * 1024,
        "MetaQDA": 0,
    }
