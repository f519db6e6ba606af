from __future__ import annotations

import math

import torch
from torch.nn.functional import cross_entropy

from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.by_name import PEERS


def trained(batches, start, scale):
    """Class vectors of a bias-free layer, each batch of samples with an equal share of the loss."""
    layer = torch.nn.Linear(start.shape[1], len(start), bias=False, dtype=torch.float64)
    layer.weight.data.copy_(start)
    optimizer = torch.optim.AdamW(layer.parameters(), weight_decay=1e-2)
    for step in range(300):
        optimizer.param_groups[0]["lr"] = 5e-4 * (1 + math.cos(math.pi * step / 300))
        optimizer.zero_grad()
        sum(cross_entropy(scale * layer(x), y) / 2 for x, y in batches).backward()
        optimizer.step()
    return layer.weight.detach()


def test_cross_modal_probe__one_task_by_itself__agrees(make_support, pictures_of, scale, query):
    support = make_support((3, 1, 2))
    text = support.text_TND[0]
    batches = [pictures_of(support), (text, torch.arange(3))]

    result = classify(query, PEERS["cross-modal probe"](support))[0]

    torch.testing.assert_close(result, scale * query[0] @ trained(batches, text, scale).T)


def test_cross_modal_probe__class_without_text__has_pictures_as_its_only_samples(
    make_support, pictures_of, scale, query
):
    support = make_support((3, 1, 2))
    support.text_TND[0, 0] = 0
    text = support.text_TND[0]
    start = torch.cat([support.means_TND[0, :1], text[1:]])
    batches = [pictures_of(support), (text[1:], torch.tensor([1, 2]))]

    result = classify(query, PEERS["cross-modal probe"](support))[0]

    torch.testing.assert_close(result, scale * query[0] @ trained(batches, start, scale).T)
