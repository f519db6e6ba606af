from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy, normalize

from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.by_name import PEERS


def test_task_res__one_task_by_itself__agrees(make_support, pictures_of, scale, query):
    support = make_support((3, 1, 2))
    rows, labels = pictures_of(support)
    text = support.text_TND[0]
    residual = torch.nn.Parameter(torch.zeros_like(text))
    optimizer = torch.optim.Adam([residual], lr=2e-3)
    for _ in range(200):
        optimizer.zero_grad()
        logits = scale * rows @ normalize(text + 0.5 * residual, dim=1).T
        cross_entropy(logits, labels).backward()
        optimizer.step()

    result = classify(query, PEERS["TaskRes"](support))[0]

    wanted = scale * query[0] @ normalize(text + 0.5 * residual.detach(), dim=1).T
    torch.testing.assert_close(result, wanted)


def test_task_res__class_without_text__starts_at_its_mean_picture(make_support):
    support = make_support((3, 1, 2))
    support.text_TND[0, 0] = 0

    weights = PEERS["TaskRes"](support)

    along = weights.classes[0, 0] @ normalize(support.means_TND[0, 0], dim=0)
    assert along > 0.9
