from __future__ import annotations

import math

import torch
from torch.nn.functional import cross_entropy, normalize

from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.by_name import PEERS


def test_zs_lp__momentum_written_out_for_one_task__agrees(make_support, pictures_of, scale, query):
    support = make_support((3, 1, 2))
    rows, labels = pictures_of(support)
    classes = support.text_TND[0].clone()
    speed = torch.zeros_like(classes)
    for step in range(300):
        classes.requires_grad_()
        loss = cross_entropy(scale * rows @ normalize(classes, dim=1).T, labels)
        (slope,) = torch.autograd.grad(loss, classes)
        speed = 0.9 * speed + slope
        learning_rate = 0.05 * (1 + math.cos(math.pi * step / 300))
        classes = (classes - learning_rate * speed).detach()

    result = classify(query, PEERS["ZS-LP"](support))[0]

    torch.testing.assert_close(result, scale * query[0] @ normalize(classes, dim=1).T)
