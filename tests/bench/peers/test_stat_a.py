from __future__ import annotations

import numpy as np
import pytest
import torch

from metaadapter.adapter.weights import logits_of
from metaadapter.bench.peers.by_name import POOL_PEERS
from tests.bench.peers.pulled_by_neighbours import (
    SCALE,
    WIDTH,
    five_rounds,
    nearest_of_pool,
    one_hot,
    softmax,
    unit,
)


def gaussian(x, mean, variance):
    squares = sum((x[d] - mean[d]) ** 2 / variance[d] for d in range(len(x)))
    return (-0.5 * squares - 0.5 * np.log(variance).sum()) / 50


def stat_a(pool, rows, labels, text, scale):
    """Means and variances of the classes in the end, and the power of the text."""
    n_way = len(text)
    points, targets = [*pool, *rows], one_hot(labels, n_way)
    by_text = [softmax(scale * text @ u) for u in pool]
    z, near = list(by_text), nearest_of_pool(points, len(pool))
    power, anchors = 0.5 if len(rows) else 1.0, list(text)
    for c in {int(label) for label in labels}:
        anchors[c] = unit(sum(x for x, label in zip(rows, labels, strict=True) if label == c))
    start = sum(
        share[c] * (x - anchors[c]) ** 2
        for share, x in zip([*z, *targets], points, strict=True)
        for c in range(n_way)
    ) / len(points)
    means, variances = list(anchors), [start] * n_way
    for _ in range(10):
        evidence = [
            power * np.log(p) + [gaussian(u, *both) for both in zip(means, variances, strict=True)]
            for u, p in zip(pool, by_text, strict=True)
        ]
        z = five_rounds(evidence, z, targets, near)
        shares = [*z, *targets]
        for c in range(n_way):
            n = sum(share.argmax() == c for share in shares)
            beta = n / (n + 1)
            own = unit(sum(share[c] * x for share, x in zip(shares, points, strict=True)))
            means[c] = unit(beta * own + (1 - beta) * anchors[c])
            spread = sum(
                share[c] * (x - means[c]) ** 2 for share, x in zip(shares, points, strict=True)
            ) / sum(share[c] for share in shares)
            variances[c] = beta * spread + (1 - beta) * (start + (anchors[c] - means[c]) ** 2)
    return means, variances, power


@pytest.mark.parametrize("shots", [(3, 1, 2), (2, 0, 2), (0, 0, 0)])
def test_stat_a__written_out_picture_by_picture__agrees(make_support, add_pool, pictures_of, shots):
    support = add_pool(make_support((3, 2, 2), width=WIDTH), 12)
    support.logit_scale_T[:] = SCALE
    query = support.support_TNKD[:, 0]
    support.support_mask_TNK[:] = torch.arange(3) < torch.tensor(shots)[:, None]
    text, pool = support.text_TND[0].numpy(), support.pool_TUD[0].numpy()
    rows, labels = [], []
    if sum(shots):
        rows, labels = (tensor.numpy() for tensor in pictures_of(support))

    result = logits_of(POOL_PEERS["StatA"](support), query)[0]

    means, variances, power = stat_a(pool, rows, labels, text, SCALE)
    wanted = [
        softmax(
            power * SCALE * text @ x
            + [gaussian(x, *both) for both in zip(means, variances, strict=True)]
        )
        for x in query[0].numpy()
    ]
    torch.testing.assert_close(result, torch.from_numpy(np.stack(wanted)).log())


def test_stat_a__class_without_a_text__has_the_mean_of_the_others(make_support, add_pool, query):
    support, given = (add_pool(make_support((3, 1, 2))) for _ in range(2))
    support.text_TND[0, 2] = 0
    given.text_TND[0, 2] = given.text_TND[0, :2].mean(0)

    result = logits_of(POOL_PEERS["StatA"](support), query)

    torch.testing.assert_close(result, logits_of(POOL_PEERS["StatA"](given), query))
