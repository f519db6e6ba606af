from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.bench.evaluation.method_names import LEARNERS, resolve_learners
from metaadapter.bench.sequences.learner_by_name import PEERS, load_learner
from metaadapter.bench.sequences.learners.library import Library
from metaadapter.errors import UsageError


def test_resolve__peers__are_all_of_them_once_also_with_the_joint_features():
    result = resolve_learners(("library", "RanPAC", "peers", "peers@joint"))

    assert result[:2] == ("library", "RanPAC")
    assert set(result) == {"library", *PEERS, *(f"{name}@joint" for name in PEERS)}
    assert set(LEARNERS) == set(PEERS)


@pytest.mark.parametrize("name", PEERS)
def test_load__peer__has_its_name_and_nothing_to_record(name):
    result = load_learner(f"{name}@joint")

    assert result.name == f"{name}@joint"
    assert result.sees_joint_alone
    assert result.meta_training.stores == frozenset()


def test_load__library__is_of_the_shipped_generator_or_of_a_method():
    result, of_peer = load_learner("library"), load_learner("library@GDA")

    assert isinstance(result.learner, Library)
    assert result.meta_training.stores
    assert of_peer.meta_training.stores == frozenset()
    assert result.identity != of_peer.identity


def test_load__ceiling__sees_every_task_and_growing_does_not():
    ceiling, growing = (load_learner(f"{name}@GDA").learner for name in ("ceiling", "growing"))

    assert (ceiling.sees_every_task, growing.sees_every_task) == (True, False)


NO_LEARNER = "no continual learner '{}'.*RanPAC.*library@METHOD"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        *((name, NO_LEARNER.format(name)) for name in ("GDA", "librari", "default")),
        ("library@nothing", "no method 'nothing'"),
        ("library@MAML", "MAML has weights for the features of one encoder"),
    ],
)
def test_load__no_learner__says_why(name, message):
    with pytest.raises(UsageError, match=message):
        load_learner(name)


def test_load__library_of_a_method_that_is_no_adapter__is_refused_when_it_learns():
    pictures = normalize(torch.randn(1, 2, 3, 8), dim=-1)
    support = Support.of_tasks(pictures, pictures[:, :, 0], logit_scale=20.0)
    learner = load_learner("library@ZLaP").learner

    with pytest.raises(UsageError, match="learner 'library@ZLaP' must return AdapterWeights"):
        learner.learn(learner.start(), support, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class L: pass", "must be a subclass of metaadapter.bench.Learner"),
        (
            "from metaadapter.bench import Learner\nclass L(Learner): pass",
            "cannot be created without arguments: TypeError",
        ),
    ],
)
def test_load__class_of_ones_own_that_is_no_learner__says_what_it_must_be(tmp_path, text, message):
    (tmp_path / "own.py").write_text(text)

    with pytest.raises(UsageError, match=message):
        load_learner(f"{tmp_path / 'own.py'}:L")
