from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import logits_of
from metaadapter.bench.peers.classifier import PeerClassifier
from metaadapter.bench.peers.meta_trained import META_PEERS, SHIPPED, load_meta_peer, save_meta_peer
from metaadapter.data.checksums import unsealed, write_document
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError

every_name = pytest.mark.parametrize("name", META_PEERS)
WITH_ADAPTERS = [name for name, formula in META_PEERS.items() if not formula.reads_query]


@every_name
def test_meta_peer__saved_and_loaded__answers_alike(name, make_meta_peer, make_support, tmp_path):
    peer = make_meta_peer(name)

    save_meta_peer(peer, tmp_path / "mine")
    loaded = load_meta_peer(tmp_path / "mine")

    assert (loaded.name, loaded.width, loaded.encoders) == (name, 12, {"dots"})
    support = make_support((2, 1, 3))
    query = support.rows_TMD
    result, wanted = (logits_of(head(support), query).softmax(-1) for head in (loaded, peer))
    torch.testing.assert_close(result, wanted, rtol=0, atol=5e-3)
    files = {path.name for path in (tmp_path / "mine").iterdir()}
    assert files == {"model.safetensors", "peer.json"}


@every_name
def test_meta_peer__features_of_another_width__says_what_its_weights_are_for(name, make_support):
    peer = load_meta_peer(name)

    message = (
        rf"weights of {name} are for features of width 1024 from the encoder tiny or .*, "
        r"but the features have width 12\. .*python -m tools\.train_peers"
    )
    with pytest.raises(UsageError, match=message):
        peer(make_support((2, 1)))


@every_name
def test_shipped_weights__pictures_near_their_class__are_recognized(name):
    draw = torch.Generator().manual_seed(0)
    store = torch.randn(3, 1, 1024, generator=draw) + torch.randn(2, 3, 3, 1024, generator=draw) / 3
    rows = normalize(store, dim=-1)
    support = Support.of_tasks(rows[:, :, :2], normalize(rows[:, :, 0], dim=-1), logit_scale=17.0)

    logits = logits_of(load_meta_peer(name)(support), rows[:, :, 2])

    assert logits.argmax(-1).tolist() == [[0, 1, 2]] * 2
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*.safetensors")) < 7e6


@every_name
def test_identity__one_weight_changed__is_another(name, make_meta_peer):
    peer = make_meta_peer(name)
    first = next(iter(peer.learned))
    changed = replace(peer, learned={**peer.learned, first: peer.learned[first] + 1e-3})

    assert peer.identity == make_meta_peer(name).identity
    assert len({peer.identity, changed.identity, make_meta_peer(name, seed=1).identity}) == 3


def test_identity__maml_and_anil_of_one_start__differ(make_meta_peer):
    maml = make_meta_peer("MAML")

    assert maml.identity != replace(maml, name="ANIL").identity


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("Meta-Adapter", {"schema": "metaadapter.peer/9"}, "peer/9"),
        ("Meta-Adapter", {"peer": "Reptile"}, "Reptile"),
        ("Meta-Adapter", {"peer": "MAML"}, "expected tensors .*down_RD.*, got .*gate_D"),
        ("MAML", {"width": 13}, r"should be \(.*13.*\) real numbers"),
        ("MetaQDA", {"width": 13}, r"should be \(.*13.*\) real numbers"),
        ("MAML", {"width": 10**12}, "real numbers"),
        ("MAML", {"width": None}, "peer"),
        ("MAML", {"encoders": [3]}, "the names of encoders as strings"),
        ("MAML", {"encoders": None}, "peer"),
        ("MAML", {"peer": "none"}, "peer"),
    ],
)
def test_load_meta_peer__impossible_values__are_refused(
    make_meta_peer, tmp_path, name, change, message
):
    save_meta_peer(make_meta_peer(name), tmp_path)
    values, files = unsealed(json.loads((tmp_path / "peer.json").read_bytes()))
    write_document(tmp_path / "peer.json", values | change, files=files)

    with pytest.raises(IncompatibleArtifact, match=message):
        load_meta_peer(tmp_path)


def test_load_meta_peer__no_such__lists_what_there_is():
    with pytest.raises(UsageError, match=r"'Reptile'; choose Meta-Adapter, .*, MetaQDA, or"):
        load_meta_peer("Reptile")


def test_peer_classifier__encoder_of_the_same_width__is_refused():
    class Encoder:
        name, logit_scale, encode_texts = "ViT-B-32/openai", 100.0, None

    texts = {label: np.ones(1024) for label in "ab"}
    classifier = PeerClassifier("Meta-Adapter", texts, encoder=Encoder())

    message = r"encoder= has features of ViT-B-32/openai\. Leave Meta-Adapter out"
    with pytest.raises(UsageError, match=message):
        classifier.fit(np.ones((2, 1024)), ["a", "b"])


@pytest.mark.parametrize("name", WITH_ADAPTERS)
def test_peer_classifier__features_of_the_width__are_classified(name):
    draw = torch.Generator().manual_seed(0)
    texts = {label: torch.randn(1024, generator=draw).numpy() for label in "ab"}
    X = [texts[label] + 0.1 for label in "abab"]

    result = PeerClassifier(name, texts, logit_scale=17.0).fit(X, list("abab")).predict(X)

    assert result.tolist() == list("abab")


def test_peer_classifier__peer_without_an_adapter__is_refused():
    texts = {label: np.ones(1024) for label in "ab"}

    with pytest.raises(UsageError, match=r"'MetaQDA' predicts no adapter.* --methods MetaQDA"):
        PeerClassifier("MetaQDA", texts).fit(np.ones((2, 1024)), ["a", "b"])


def test_load_meta_peer__weight_that_is_no_number__is_refused(make_meta_peer, tmp_path):
    peer = make_meta_peer("MAML")
    broken = {name: tensor * torch.nan for name, tensor in peer.learned.items()}
    save_meta_peer(replace(peer, learned=broken), tmp_path / "mine")

    with pytest.raises(DataError, match=r"model\.safetensors holds weights that are NaN"):
        load_meta_peer(tmp_path / "mine")
