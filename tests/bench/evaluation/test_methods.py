from __future__ import annotations

from itertools import islice

import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.bench.evaluation.methods.method import CLOSED_FORM, UNTRAINED
from metaadapter.bench.evaluation.methods.method_by_name import load_method
from metaadapter.bench.evaluation.methods.method_names import resolve_names
from metaadapter.bench.peers.by_name import PEERS, POOL_PEERS
from metaadapter.bench.peers.meta_trained import META_PEERS, load_meta_peer
from metaadapter.errors import UsageError
from metaadapter.generator.pretrained import load_generator
from metaadapter.workflow.gradient_steps import FineTune, gradient_steps


def test_load_method__every_peer__is_the_one_of_its_name():
    peers = PEERS | POOL_PEERS
    methods = [load_method(name) for name in peers]
    assert [method.fit for method in methods] == list(peers.values())
    assert {method.meta_training for method in methods} == {UNTRAINED}
    assert load_method("CORAL@labelled").sees_labelled_alone
    assert load_method("CORAL@joint@labelled").sees_joint_alone


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


def test_load_method__finetune_at_0__is_default_to_the_bit(support):
    result, default = (load_method(name).fit(support) for name in ("finetune@0", "default"))
    torch.testing.assert_close(result.tensors(), default.tensors(), rtol=0, atol=0)


def test_load_method__finetune_at_a_number__takes_that_many_steps(support):
    result = load_method("finetune@3").fit(support)

    start = predicted("default", support)
    walk = gradient_steps(start, support, FineTune(lr=0.02, anchor=1.0))
    assert not result.classes.equal(start.classes)
    torch.testing.assert_close(result.classes, list(islice(walk, 3))[-1].classes)


def test_load_method__unknown_name__lists_what_there_is():
    known = "default, closed-form, finetune, finetune@K, zero-shot"
    with pytest.raises(UsageError, match=f"no method 'Gda '; there are: {known}"):
        load_method("Gda ")


def test_resolve_names__groups__are_written_out_once():
    assert resolve_names(("GDA", "peers")) == ("GDA", *(name for name in PEERS if name != "GDA"))
    assert resolve_names(("all",))[:2] == ("default", "closed-form")
    others = ("Meta-Adapter", "MAML", "MetaQDA")
    assert resolve_names(("ANIL", "meta-peers")) == ("ANIL", *others)
    assert resolve_names(("T3A", "pool-peers"))[:3] == ("T3A", "ZLaP", "self-training")
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
