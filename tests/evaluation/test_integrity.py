"""Each fault that a box is there for, planted and seen."""

from __future__ import annotations

import sys

import pytest
import torch

from metaadapter.adapter import AdapterWeights
from metaadapter.baselines import PEERS
from metaadapter.errors import UsageError
from metaadapter.evaluation import EvaluationConfig, bench, evaluate, integrity
from metaadapter.evaluation.bench import Bench
from metaadapter.evaluation.draws import draw_tasks
from metaadapter.evaluation.evaluation_set import load_sets
from metaadapter.evaluation.label_guard import SealedLabels
from metaadapter.evaluation.meta_training import UNTRAINED, MetaTraining
from metaadapter.evaluation.methods import Method, load_method

NONE = frozenset()


def made_with(record, name="mine"):
    return Method(name, "0", PEERS["zero-shot"], record)


def peek(support, logit_scale):
    """Take the sealed labels out of whoever called."""
    frame = sys._getframe()
    while frame is not None:
        for value in list(frame.f_locals.values()):
            sealed = (
                getattr(value, "labels", None) if type(value).__name__ == "_Examination" else None
            )
            if isinstance(sealed, SealedLabels):
                sealed.tolist()
        frame = frame.f_back
    return AdapterWeights.zero_shot(support.text_TND, logit_scale)


def test_query_labels__read_by_a_method__fail_and_its_cells_have_no_figures(
    pets, ask, tmp_path, monkeypatch
):
    def load(name):
        method = load_method(name)
        return method if name == "zero-shot" else Method(name, "0", peek, UNTRAINED)

    monkeypatch.setattr(bench, "load_method", load)

    found = evaluate(ask(pets), tmp_path / "run")

    (box,) = [box for box in found.failed if box.name == "query labels"]
    assert "prototypes" in box.detail
    assert {figure.method for figure in found.means} == {"zero-shot"}


def test_query_labels__left_alone__pass(pets, ask):
    config = ask(pets)
    honest = Bench(config, torch.device("cpu"))

    box = integrity.labels_sealed([honest.measure(cell) for cell in config.cells()[:2]])

    assert box.status == "pass"


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({}, "pass"),
        ({"sha256": ["same"] * 36}, "fail"),
        ({"group": ["same burst"] * 36}, "fail"),
        ({"sha256": [""] * 36}, "unknown"),
    ],
)
def test_support_apart__equal_pictures_on_both_sides__fail(make_store, load, facts, status):
    store = make_store("pets", {"ant": 9, "bee": 9, "cow": 9, "dog": 9}, **facts)
    of, config = load(store.folder)

    box = integrity.support_apart([(of, draw_tasks(of, config, 0))])

    assert box.status == status
    assert ("pets" in box.detail) is (status == "fail")


def test_support_apart__copy_in_the_store_that_queries_come_from__fails(make_store, ask):
    hashes = [f"{number}" for number in range(4)]
    folders = [make_store(name, {"a": 2, "b": 2}, sha256=hashes).folder for name in ("one", "two")]
    config = EvaluationConfig(
        support_from=str(folders[0]), queries_from=str(folders[1]), shots=(1,)
    )
    (of,) = load_sets(config)

    assert integrity.support_apart([(of, draw_tasks(of, config, 0))]).status == "fail"


@pytest.mark.parametrize(
    ("box", "record"),
    [
        (integrity.unseen_sets, MetaTraining(frozenset({"pets"}), NONE, NONE)),
        (integrity.unseen_classes, MetaTraining(NONE, frozenset({"bee"}), NONE)),
        (integrity.chosen_elsewhere, MetaTraining(NONE, NONE, frozenset({"pets"}))),
    ],
)
def test_record__names_what_is_evaluated__fails_that_box_alone(pets, load, box, record):
    of, _ = load(pets)
    boxes = (integrity.unseen_sets, integrity.unseen_classes, integrity.chosen_elsewhere)

    statuses = {each: each([made_with(record)], [of]).status for each in boxes}

    assert statuses == {each: "fail" if each is box else "pass" for each in boxes}
    assert "mine" in box([made_with(record)], [of]).detail


def test_record__missing__is_unknown(pets, load):
    of, _ = load(pets)

    box = integrity.unseen_classes([made_with(UNTRAINED), made_with(None, "folder")], [of])

    assert (box.status, "folder" in box.detail) == ("unknown", True)


def test_meta_trained_peer__store_of_its_training__fails_by_the_record(make_store, load):
    of, _ = load(make_store("trashnet6", {"glass": 9, "metal": 9, "bullfrog": 9}).folder)
    peer = [load_method("MAML")]

    sets, classes, chosen = (
        check(peer, [of])
        for check in (integrity.unseen_sets, integrity.unseen_classes, integrity.chosen_elsewhere)
    )

    assert {sets.status, classes.status, chosen.status} == {"fail"}
    assert "MAML was trained on trashnet6" in sets.detail
    assert "bullfrog" in classes.detail


def test_meta_trained_peer__store_of_another_encoder__is_refused_before_anything_is_measured(
    ask, make_store, tmp_path
):
    store = make_store("pets", {"ant": 9, "bee": 9}, width=512, encoder="ViT-B-32/openai")
    config = ask(store.folder, methods=("zero-shot", "ANIL"))

    with pytest.raises(
        UsageError,
        match=r"ANIL: .*\btiny\b.*, but the store pets has those of ViT-B-32/openai",
    ):
        evaluate(config, tmp_path / "run")

    assert not (tmp_path / "run").exists()


def test_meta_trained_peer__store_of_its_encoder__is_measured(ask, make_store, tmp_path):
    store = make_store("pets", {"ant": 9, "bee": 9}, width=512, encoder="tiny", spread=0.5)
    config = ask(store.folder, methods=("zero-shot", "meta-peers"), shots=(1,), seeds=1)

    found = evaluate(config, tmp_path / "run")

    names = {figure.method for figure in found.means}
    assert names == {"zero-shot", "Meta-Adapter", "MAML", "ANIL"}
    rows = (tmp_path / "run" / "rows.csv").read_text().splitlines()
    column = rows[0].split(",").index("trained_parameters")
    trained = {row.split(",")[0]: float(row.split(",")[column]) for row in rows[1:]}
    assert trained["Meta-Adapter"] == 0
    assert trained["ANIL"] == 2 * 512
    assert trained["MAML"] == 2 * 512 + 2 * 64 * 512
