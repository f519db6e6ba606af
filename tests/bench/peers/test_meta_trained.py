from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import logits_of
from metaadapter.bench.peers.meta_trained import META_PEERS, SHIPPED, load_meta_peer

every_name = pytest.mark.parametrize("name", META_PEERS)


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
