from __future__ import annotations

from itertools import islice

import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.bench.evaluation.evaluation_set import same_name
from metaadapter.bench.evaluation.method import CLOSED_FORM, UNTRAINED, read_meta_training
from metaadapter.bench.evaluation.method_by_name import load_method
from metaadapter.bench.evaluation.method_names import resolve_names
from metaadapter.bench.peers.by_name import PEERS, POOL_PEERS
from metaadapter.bench.peers.meta_trained import META_PEERS, load_meta_peer, save_meta_peer
from metaadapter.data.checksums import TRAINING_RECORD, write_document
from metaadapter.errors import DataError, UsageError
from metaadapter.generator.pretrained import SHIPPED, load_generator, save_generator
from metaadapter.workflow.gradient_steps import FineTune, gradient_steps


def test_load_method__every_peer__is_the_one_of_its_name():
    peers = PEERS | POOL_PEERS
    methods = [load_method(name) for name in peers]
    assert [method.fit for method in methods] == list(peers.values())
    assert {method.meta_training for method in methods} == {UNTRAINED}
    assert load_method("StatA@labelled").sees_labelled_alone
    assert load_method("StatA@joint@labelled").sees_joint_alone


@pytest.mark.parametrize("name", META_PEERS)
def test_load_method__meta_trained_peer__has_its_record_and_encoders(name):
    method = load_method(name)

    card = method.meta_training
    assert method.identity == load_meta_peer(name).identity
    assert "tiny" in method.fit.encoders
    assert {"tiny-imagenet-train", "emoji-google"} <= card.stores
    assert "bullfrog" in card.classes
    assert not card.chosen_on & {"tiny-imagenet-val", "caltech101-val", "cifar10"}
    assert "trashnet6" in card.chosen_on


def test_load_method__meta_trained_peer_without_a_record__says_that_there_is_none(tmp_path):
    save_meta_peer(load_meta_peer("ANIL"), tmp_path / "mine")

    method = load_method(str(tmp_path / "mine"))

    assert method.meta_training is None
    assert method.identity == load_method("ANIL").identity


@pytest.fixture
def support():
    """Two tasks of three classes and two pictures, of which the first task lacks one."""
    draw = torch.Generator().manual_seed(0)
    support_TNKD = normalize(torch.randn(2, 3, 2, 8, generator=draw), dim=-1)
    text_TND = normalize(torch.randn(2, 3, 8, generator=draw), dim=-1)
    there = torch.ones(2, 3, 2, dtype=torch.bool)
    there[0, 1, 1] = False
    return Support.of_tasks(support_TNKD, text_TND, there, logit_scale=20.0)


def predicted(generator, support):
    return load_generator(generator).predict(support)


def test_load_method__name_that_is_a_folder_too__is_the_name(tmp_path, monkeypatch):
    save_meta_peer(load_meta_peer("ANIL"), tmp_path / "default")
    monkeypatch.chdir(tmp_path)

    assert load_method("default").meta_training.stores == read_meta_training(SHIPPED).stores


def test_load_method__generator__predicts_as_it_does_itself(support):
    result = load_method("closed-form").fit(support)

    assert result.classes.equal(predicted("closed-form", support).classes)


def test_load_method__finetune_at_0__is_default_to_the_bit(support):
    result, default = (load_method(name).fit(support) for name in ("finetune@0", "default"))
    torch.testing.assert_close(result.tensors(), default.tensors(), rtol=0, atol=0)


def test_load_method__finetune_at_a_number__takes_that_many_steps(support):
    result = load_method("finetune@3").fit(support)

    start = predicted("default", support)
    walk = gradient_steps(start, support, FineTune(lr=0.02, anchor=1.0))
    assert not result.classes.equal(start.classes)
    torch.testing.assert_close(result.classes, list(islice(walk, 3))[-1].classes)


def test_load_method__finetune__number_of_steps_is_part_of_its_identity():
    names = ("finetune", "finetune@0", "finetune@5", "default")

    assert len({load_method(name).identity for name in names}) == len(names)


@pytest.mark.parametrize("number", ["", "-1", "05", "5.0", "ten", "10001", "٣"])
def test_load_method__finetune_at_no_number__says_what_is_expected(number):
    message = f"whole number of steps from 0 to 10000 .* finetune@20, got '{number}'"
    with pytest.raises(UsageError, match=message):
        load_method(f"finetune@{number}")


def test_load_method__unknown_name__lists_what_there_is():
    known = "default, closed-form, elsewhere, finetune, finetune@K, zero-shot"
    with pytest.raises(UsageError, match=f"no method 'Gda '.*mean GDA.*; there are: {known}"):
        load_method("Gda ")
    with pytest.raises(UsageError, match=r"mean label spreading\?.*ProtoNet, TransCLIP, StatA"):
        load_method("Label-spreading")


def test_load_method__file_without_a_function__says_how_to_name_one():
    with pytest.raises(UsageError, match=r"mine\.py:FUNCTION"):
        load_method("mine.py")


def test_resolve_names__groups__are_written_out_once():
    assert resolve_names(("GDA", "peers")) == ("GDA", *(name for name in PEERS if name != "GDA"))
    assert resolve_names(("all",))[:2] == ("default", "closed-form")
    others = ("Meta-Adapter", "MAML", "MetaQDA")
    assert resolve_names(("ANIL", "meta-peers")) == ("ANIL", *others)
    assert resolve_names(("StatA", "pool-peers"))[:3] == ("StatA", "TransCLIP", "ZLaP")
    labelled_alone = tuple(f"{name}@labelled" for name in POOL_PEERS)
    assert resolve_names(("pool-peers@labelled",)) == labelled_alone
    assert resolve_names(("peers@joint",)) == tuple(f"{name}@joint" for name in PEERS)


def test_resolve_names__groups__leave_out_what_is_for_one_encoder_or_reads_a_pool():
    assert not set(resolve_names(("all", "peers"))) & set(META_PEERS)
    assert not set(resolve_names(("all", "peers", "meta-peers"))) & set(POOL_PEERS)


@pytest.mark.parametrize("name", ["default", "finetune"])
def test_meta_training__of_the_shipped_generator__is_its_record_and_its_constants(name):
    card = load_method(name).meta_training

    judged = {"tiny-imagenet-val", "caltech101-val", "cifar10", "clothing10.large", "clothing10"}
    assert card.chosen_on == judged | CLOSED_FORM.chosen_on
    assert "tiny-imagenet-train" in card.stores
    assert "bullfrog" in card.classes


def test_meta_training__of_a_run__lies_above_the_best_generator(tmp_path):
    save_generator(load_generator("closed-form"), tmp_path / "best")
    assert read_meta_training(tmp_path / "best") is None
    source = {"name": "s", "stores": ["sub/Birds"], "classes": ["Red_Kite"]}
    data = {"training": [source], "validation_classes": [], "validation_domains": [source]}
    write_document(tmp_path / "summary.json", {"schema": TRAINING_RECORD, "data": data})

    card = read_meta_training(tmp_path / "best")

    assert (card.stores, card.classes, card.chosen_on) == ({"birds"}, {"red kite"}, {"birds"})
    # The constants of its closed form are older than the run.
    with_constants = load_method(str(tmp_path / "best")).meta_training
    assert with_constants.chosen_on == {"birds"} | CLOSED_FORM.chosen_on


def test_meta_training__damaged_record__is_named(tmp_path):
    write_document(tmp_path / "training.json", {"schema": TRAINING_RECORD, "data": []})
    with pytest.raises(DataError, match="is not the record of a training run"):
        read_meta_training(tmp_path)

    (tmp_path / "training.json").write_text('{"schema": "' + TRAINING_RECORD + '", "data": {}}')
    with pytest.raises(DataError, match=r"training\.json is damaged"):
        read_meta_training(tmp_path)


def test_same_name__number_of_wordnet_and_capitals__do_not_matter():
    assert same_name("n02123045_Tabby_cat") == same_name("tabby  cat") == "tabby cat"
