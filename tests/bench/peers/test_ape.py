from __future__ import annotations

import math

import pytest
import torch

from metaadapter.adapter.weights import logits_of
from metaadapter.bench.peers.by_name import PEERS

N_KEPT = 8  # 0.7 of 12


def kept_channels(text):
    """Channels in the order of what they are worth, with sums written out."""
    n_way, width = len(text), len(text[0])
    worth = []
    for d in range(width):
        values = [float(t[d]) for t in text]
        pairs = [values[i] * values[j] for i in range(n_way) for j in range(n_way) if i != j]
        mean = sum(values) / n_way
        variance = sum((value - mean) ** 2 for value in values) / (n_way - 1)
        worth.append(0.3 * variance - 0.7 * sum(pairs) / len(pairs))
    return sorted(range(width), key=lambda d: -worth[d])[:N_KEPT]


def cosine(a, b):
    return float(a @ b) / float(a.norm() * b.norm())


def cached(support, rows, labels, x):
    """The cache's logits of one picture, class by class."""
    text = support.text_TND[0]
    kept = kept_channels(text)
    logits = [0.0] * len(text)
    for row, label in zip(rows, labels, strict=True):
        similarities = [math.exp(cosine(row[kept], t[kept])) for t in text]
        divergence = -math.log(similarities[label] / sum(similarities))
        logits[label] += 2 * math.exp(cosine(x[kept], row[kept]) - 1) * math.exp(0.1 * divergence)
    return logits


def check(support, rows, labels, query, scale):
    result = logits_of(PEERS["APE"](support), query)[0]

    text = support.text_TND[0]
    wanted = [
        [
            scale * float(x @ t) + from_cache
            for t, from_cache in zip(text, cached(support, rows, labels, x), strict=True)
        ]
        for x in query[0]
    ]
    torch.testing.assert_close(result, torch.tensor(wanted, dtype=torch.float64))


# With the last three, other channels are kept if similarity is a mean over all pairs of classes,
# or variance one over n in place of n − 1.
@pytest.mark.parametrize("seed", [0, 2, 6, 27])
def test_ape__formula__agrees(make_support, pictures_of, scale, query, seed):
    support = make_support((3, 1, 2), seed=seed)
    rows, labels = pictures_of(support)

    check(support, rows, labels, query, scale)
