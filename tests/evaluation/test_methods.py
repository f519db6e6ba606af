from __future__ import annotations

import json

import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.baselines import PEERS, Support
from metaadapter.errors import DataError, UsageError
from metaadapter.evaluation.meta_training import UNTRAINED, read_meta_training, same_name
from metaadapter.evaluation.methods import load_method, resolve_names
from metaadapter.generator import load_generator
from metaadapter.generator.pretrained import save_generator


def test_load_method__every_peer__is_the_one_of_its_name():
    methods = [load_method(name) for name in PEERS]

    assert [method.fit for method in methods] == list(PEERS.values())
    assert {method.meta_training for method in methods} == {UNTRAINED}


def test_load_method__generator__predicts_as_it_does_itself():
    draw = torch.Generator().manual_seed(0)
    support_TNKD = normalize(torch.randn(2, 3, 2, 8, generator=draw), dim=-1)
    text_TND = normalize(torch.randn(2, 3, 8, generator=draw), dim=-1)
    there = torch.ones(2, 3, 2, dtype=torch.bool)
    there[0, 1, 1] = False

    found = load_method("closed-form").fit(
        Support(support_TNKD, there, text_TND, torch.ones(2, 3, dtype=torch.bool)), 20.0
    )

    alone = load_generator("closed-form").predict(support_TNKD, text_TND, there, logit_scale=20.0)
    assert found.classes.equal(alone.classes)


def test_load_method__unknown_name__lists_what_there_is():
    with pytest.raises(
        UsageError, match=r"no method 'GDAA'; there are: default, closed-form, finetune, zero"
    ):
        load_method("GDAA")


def test_resolve_names__groups__are_written_out_once():
    assert resolve_names(("GDA", "peers")) == ("GDA", *(name for name in PEERS if name != "GDA"))
    assert resolve_names(("all",))[:2] == ("default", "closed-form")


def test_meta_training__of_the_shipped_generator__is_its_record():
    card = load_method("default").meta_training

    assert card.chosen_on == {"tiny-imagenet-val", "cifar10", "clothing10"}
    assert "tiny-imagenet-train" in card.stores
    assert "bullfrog" in card.classes


def test_meta_training__of_a_run__lies_above_the_best_generator(tmp_path):
    save_generator(load_generator("closed-form"), tmp_path / "best")
    assert read_meta_training(str(tmp_path / "best")) is None
    source = {"name": "s", "stores": ["sub/Birds"], "classes": ["Red_Kite"]}
    data = {"training": [source], "validation_classes": [], "validation_domains": [source]}
    (tmp_path / "summary.json").write_text(json.dumps({"data": data}))

    card = read_meta_training(str(tmp_path / "best"))

    assert (card.stores, card.classes, card.chosen_on) == ({"birds"}, {"red kite"}, {"birds"})


def test_meta_training__damaged_record__is_named(tmp_path):
    (tmp_path / "training.json").write_text('{"data": []}')

    with pytest.raises(DataError, match="expected the record of a training run"):
        read_meta_training(str(tmp_path))


def test_same_name__number_of_wordnet_and_capitals__do_not_matter():
    assert same_name("n02123045_Tabby_cat") == same_name("tabby  cat") == "tabby cat"
