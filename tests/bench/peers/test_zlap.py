"""ZLaP."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from metaadapter.adapter.weights import logits_of
from metaadapter.bench.peers.by_name import POOL_PEERS


def nearest(x, candidates, k):
    """{number: cosine} of the k nearest, none below 0."""
    cosines = {i: float(x @ point) for i, point in candidates.items()}
    return {i: max(0.0, cosines[i]) for i in sorted(cosines, key=lambda i: -cosines[i])[:k]}


def walk_of(text, points):
    """D^-½ W D^-½ over the nodes, texts first, edge by edge."""
    n_way, n_nodes = len(text), len(text) + len(points)
    weights = np.zeros((n_nodes, n_nodes))
    for i, x in enumerate(points):
        edges = {c: cosine**5 for c, cosine in nearest(x, dict(enumerate(text)), 5).items()}
        others = {n_way + j: point for j, point in enumerate(points) if j != i}
        edges |= nearest(x, others, 4)
        for j, weight in edges.items():
            weights[n_way + i, j] += weight
            weights[j, n_way + i] += weight
    degree = weights.sum(1)
    degree[degree == 0] = 1
    return weights / np.sqrt(degree[:, None] * degree)


@pytest.mark.parametrize(("shots", "n_pool"), [((3, 1, 2), 8), ((2, 0, 1, 1, 2, 1, 0), 9)])
def test_zlap__a_spread_walked_step_by_step_for_each_new_picture__agrees(
    make_support, add_pool, pictures_of, query, shots, n_pool
):
    support = add_pool(make_support(shots), n_pool)
    rows, labels = (tensor.numpy() for tensor in pictures_of(support))
    text, n_way = support.text_TND[0].numpy(), len(shots)
    points = [*support.pool_TUD[0].numpy(), *rows]

    result = logits_of(POOL_PEERS["ZLaP"](support), query)[0]

    walk, wanted = walk_of(text, points), []
    for x in query[0].numpy():
        start = np.zeros(len(walk))
        for c, cosine in nearest(x, dict(enumerate(text)), 5).items():
            start[c] = cosine**5
        for j, cosine in nearest(x, dict(enumerate(points)), 5).items():
            start[n_way + j] = cosine
        reached = start
        for _ in range(200):
            reached = start + 0.3 * walk @ reached
        scores = reached[:n_way].copy()
        for label, score in zip(labels, reached[n_way + n_pool :], strict=True):
            scores[label] += score
        wanted.append(np.log(np.maximum(scores / scores.sum(), 1e-6)))
    torch.testing.assert_close(result.exp(), torch.from_numpy(np.exp(wanted)), atol=1e-5, rtol=1e-5)
