"""Every peer learns from its pictures, with as many steps as users have it take."""

from __future__ import annotations

import pytest

from metaadapter.adapter.weights import logits_of
from metaadapter.bench.peers.by_name import PEERS


@pytest.fixture
def name(request):
    return request.node.callspec.params["peer"]


def test_peer__pictures_tell_the_classes__are_used(peer, make_support, name):
    support = make_support((8, 8, 8), n_tasks=4)
    shots, labels = support.rows_TMD, support.targets_TMN.argmax(-1)

    correct = (logits_of(peer(support), shots).argmax(-1) == labels).double().mean()

    by_text = logits_of(PEERS["zero-shot"](support), shots).argmax(-1) == labels
    zero_shot = by_text.double().mean()
    if name.endswith("beside a pool"):  # which is about nothing
        assert correct > zero_shot - 0.15
    elif name == "zero-shot":
        assert correct == zero_shot
    else:
        assert correct > zero_shot
