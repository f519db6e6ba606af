"""MAML and ANIL against learn2learn's own clone and adapt."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from episodes.learn2learn_bridge import import_learn2learn
from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.maml import N_STEPS, RESIDUAL_SCALE


@pytest.fixture
def learn2learn():
    pytest.importorskip("gym", reason="learn2learn is not installed")
    return import_learn2learn()


class Adapter(nn.Module):
    """CLIP-Adapter's blend of a fifth, without its outer ReLU."""

    def __init__(self, learned):
        super().__init__()
        self.down = nn.Parameter(learned["down_RD"].clone())
        self.up = nn.Parameter(learned["up_DR"].clone())

    def forward(self, x):
        return normalize(0.8 * x + 0.2 * (x @ self.down.T).relu() @ self.up.T, dim=1)


class Head(nn.Module):
    def __init__(self, text, scale):
        super().__init__()
        self.residual = nn.Parameter(torch.zeros_like(text))
        self.text, self.scale = text, scale

    def forward(self, x):
        classes = normalize(self.text + RESIDUAL_SCALE * self.residual, dim=1)
        return self.scale * x @ classes.T


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MAML", "ANIL"])
@pytest.mark.parametrize("shots", [(3, 1, 2), (2, 0, 2, 1)])
def test_peer__learn2learn_on_one_task__agrees(
    learn2learn, make_meta_peer, make_support, pictures_of, scale, query, name, shots
):
    support = make_support(shots)
    rows, labels = pictures_of(support)
    peer = make_meta_peer(name)
    adapter, head = Adapter(peer.learned), Head(support.text_TND[0], scale)
    rate = float(peer.learned["log_rate"].exp()) / scale**2
    if name == "MAML":
        adapted = learn2learn.algorithms.MAML(nn.Sequential(adapter, head), lr=rate).clone()
        whole = adapted
    else:
        adapted = learn2learn.algorithms.MAML(head, lr=rate).clone()
        whole = nn.Sequential(adapter, adapted)
    shots_of_pictured = len(labels) / len(labels.unique())
    weight = len(labels) / shots_of_pictured**0.5
    for _ in range(N_STEPS):
        adapted.adapt(weight * cross_entropy(whole(rows), labels))

    result = classify(query, peer(support))[0]

    torch.testing.assert_close(result, whole(query[0]).detach(), rtol=1e-6, atol=1e-6)
