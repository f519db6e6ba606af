from __future__ import annotations

import math

import torch
from torch.nn.functional import cross_entropy

from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.by_name import PEERS


def test_tip_adapter_f__one_task_by_itself__agrees(make_support, pictures_of, scale, query):
    support = make_support((3, 1, 2))
    rows, labels = pictures_of(support)
    keys = torch.nn.Parameter(rows.clone())

    def logits(x):
        columns = []
        for c in range(3):
            affinity = torch.exp(-(1 - x @ keys[labels == c].T))
            columns.append(scale * x @ support.text_TND[0, c] + 1.17 * affinity.sum(1))
        return torch.stack(columns, dim=1)

    optimizer = torch.optim.AdamW([keys], eps=1e-4, weight_decay=1e-2)
    for step in range(200):
        optimizer.param_groups[0]["lr"] = 5e-4 * (1 + math.cos(math.pi * step / 200))
        optimizer.zero_grad()
        cross_entropy(logits(rows), labels).backward()
        optimizer.step()

    result = classify(query, PEERS["Tip-Adapter-F"](support))[0]

    torch.testing.assert_close(result, logits(query[0]).detach())


def test_tip_adapter_f__keys__moved_from_the_pictures(make_support):
    support = make_support((2, 2))

    weights = PEERS["Tip-Adapter-F"](support)

    distances = (weights.keys - support.rows_TMD).norm(dim=-1)
    assert distances.min() > 1e-3
