from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.by_name import PEERS


def test_clip_adapter__module_trained_on_one_task__agrees(make_support, pictures_of, scale, query):
    support = make_support((3, 1, 2))
    rows, labels = pictures_of(support)
    draw = torch.Generator().manual_seed(0)
    layers = nn.Sequential(nn.Linear(12, 3, bias=False), nn.ReLU(), nn.Linear(3, 12, bias=False))
    layers = layers.double()
    with torch.no_grad():
        layers[0].weight.copy_((2 * torch.rand(3, 12, generator=draw) - 1) / 12**0.5)
        layers[2].weight.zero_()

    def logits(x):
        return scale * normalize(0.2 * layers(x) + 0.8 * x, dim=1) @ support.text_TND[0].T

    optimizer = torch.optim.Adam(layers.parameters(), lr=1e-3)
    for _ in range(200):
        optimizer.zero_grad()
        cross_entropy(logits(rows), labels).backward()
        optimizer.step()

    result = classify(query, PEERS["CLIP-Adapter"](support))[0]

    torch.testing.assert_close(result, logits(query[0]).detach())


def test_clip_adapter__callers_random_state__is_left_alone(make_support):
    before = torch.random.get_rng_state()

    PEERS["CLIP-Adapter"](make_support((1, 1)))

    assert torch.equal(torch.random.get_rng_state(), before)
