from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.by_name import PEERS


def trained(rows, labels, text, trust, scale):
    """Class vectors by SGD with momentum written out."""
    classes, speed = text.clone(), torch.zeros_like(text)
    for step in range(300):
        classes.requires_grad_()
        loss = cross_entropy(scale * rows @ normalize(classes, dim=1).T, labels)
        for c in range(len(text)):
            loss = loss + trust[c] * (classes[c] - text[c]).square().sum() / len(text)
        (slope,) = torch.autograd.grad(loss, classes)
        speed = 0.9 * speed + slope
        learning_rate = 0.05 * (1 + math.cos(math.pi * step / 300))
        classes = (classes - learning_rate * speed).detach()
    return classes


@pytest.mark.parametrize("shots", [(3, 1, 2), (2, 0, 3)])
def test_clap__written_out_for_one_task__agrees(make_support, pictures_of, scale, query, shots):
    support = make_support(shots)
    rows, labels = pictures_of(support)
    text = support.text_TND[0]
    own = [(scale * text @ row).softmax(0)[c] for row, c in zip(rows, labels, strict=True)]
    trust = [
        float(sum(p for p, c in zip(own, labels, strict=True) if c == wanted)) / shots[wanted]
        if shots[wanted]
        else 1.0
        for wanted in range(3)
    ]

    result = classify(query, PEERS["CLAP"](support))[0]

    classes = trained(rows, labels, text, trust, scale)
    torch.testing.assert_close(result, scale * query[0] @ normalize(classes, dim=1).T)


def test_clap__class_without_text__is_free_and_others_ignore_it(
    make_support, pictures_of, scale, query
):
    support = make_support((3, 1, 2))
    support.text_TND[0, 0] = 0
    rows, labels = pictures_of(support)
    start = torch.cat([support.means_TND[0, :1], support.text_TND[0, 1:]])
    p = (scale * rows @ support.text_TND[0, 1:].T).softmax(1)
    trust = [0.0, float(p[labels == 1, 0].mean()), float(p[labels == 2, 1].mean())]

    result = classify(query, PEERS["CLAP"](support))[0]

    classes = trained(rows, labels, start, trust, scale)
    torch.testing.assert_close(result, scale * query[0] @ normalize(classes, dim=1).T)


def test_clap__texts_that_pictures_agree_with__move_less_than_in_zs_lp(make_support):
    support = make_support((4, 4, 4))

    def moved(name):
        return 1 - (PEERS[name](support).classes * support.text_TND).sum(-1)

    assert (moved("CLAP") < moved("ZS-LP")).all()
