from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import logits_of
from metaadapter.bench.peers.meta_trained import META_PEERS, SHIPPED, load_meta_peer, save_meta_peer
from metaadapter.errors import IncompatibleArtifact
from metaadapter.files.checksums import unsealed, write_document

every_name = pytest.mark.parametrize("name", META_PEERS)


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


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("Meta-Adapter", {"schema": "metaadapter.peer/9"}, "peer/9"),
        ("Meta-Adapter", {"peer": "Reptile"}, "Reptile"),
        ("Meta-Adapter", {"peer": "MAML"}, "expected tensors .*down_RD.*, got .*gate_D"),
        ("MAML", {"width": 13}, r"should be Float.* with D = 13"),
        ("MAML", {"width": None}, "peer"),
        ("MAML", {"encoders": [3]}, "the names of encoders as strings"),
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
