"""TransCLIP and StatA, written out picture by picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import softmax

from metaadapter.adapter.weights import logits_of
from metaadapter.bench.peers.by_name import POOL_PEERS

# So wide and so unsure a text that shares still change in the last rounds.
WIDTH, SCALE = 150, 3.0


def nearest_of_pool(points, n_pool):
    """For each picture, the pool's first: {number: cosine} of the three nearest others."""
    near = []
    for i, x in enumerate(points):
        cosines = {j: float(x @ points[j]) for j in range(n_pool) if j != i}
        kept = sorted(cosines, key=cosines.get, reverse=True)[:3]
        near.append({j: max(0.0, cosines[j]) for j in kept})
    return near


def five_rounds(evidence, z, targets, near):
    for _ in range(5):
        everything, new = [*z, *targets], []
        for u in range(len(z)):
            pull = np.zeros(len(z[0]))
            for j, cosine in near[u].items():
                pull += cosine * everything[j]
            for i, neighbours in enumerate(near):
                pull += neighbours.get(u, 0.0) * everything[i]
            new.append(softmax(evidence[u] + 50 / (2 * 3) * pull / 50))
        z = new
    return z


def one_hot(labels, n_way):
    return [np.eye(n_way)[label] for label in labels]


def unit(vector):
    return vector / np.linalg.norm(vector)


def gaussian(x, mean, variance, *, determinant=False):
    squares = sum((x[d] - mean[d]) ** 2 / variance[d] for d in range(len(x)))
    return (-0.5 * squares - 0.5 * np.log(variance).sum() * determinant) / 50


def answers(query, text, power, means, variances, **options):
    """Probabilities of pictures by their text and the Gaussians, one variance or each its own."""
    variances = variances if isinstance(variances, list) else [variances] * len(means)
    gaussians = list(zip(means, variances, strict=True))
    return np.stack(
        [
            softmax(power * text @ x + [gaussian(x, *own, **options) for own in gaussians])
            for x in query
        ]
    )


def transclip(pool, rows, labels, text, scale, gamma):
    """Means and variances in the end, and the power of the text."""
    n_way, width = text.shape
    points, targets = [*pool, *rows], one_hot(labels, n_way)
    power = 0.5 if len(rows) else 1.0
    by_text = [softmax(scale * text @ u) for u in pool]
    z, near = list(by_text), nearest_of_pool(points, len(pool))
    means = []
    for c in range(n_way):
        own = [x for x, label in zip(rows, labels, strict=True) if label == c]
        if not own:
            surest = sorted(range(len(pool)), key=lambda u: -by_text[u][c])[:8]
            own = [by_text[u][c] * pool[u] for u in surest]
        means.append(unit(sum(own)))
    variance = np.full(width, 1 / width)
    weights = [1 / len(pool)] * len(pool) + [50 * gamma / max(1, len(rows))] * len(rows)
    for _ in range(10):
        evidence = [
            power * np.log(p) + [gaussian(u, mean, variance) for mean in means]
            for u, p in zip(pool, by_text, strict=True)
        ]
        z = five_rounds(evidence, z, targets, near)
        shares = [weight * share for weight, share in zip(weights, [*z, *targets], strict=True)]
        means = [
            unit(sum(share[c] * x for share, x in zip(shares, points, strict=True)))
            for c in range(n_way)
        ]
        variance = sum(
            share[c] * (x - means[c]) ** 2
            for share, x in zip(shares, points, strict=True)
            for c in range(n_way)
        ) / sum(map(sum, shares))
    return means, variance, power


def numbers_of(support, pictures_of):
    """The text, the pool, and the labelled pictures with their labels, where there are some."""
    text, pool = support.text_TND[0].numpy(), support.pool_TUD[0].numpy()
    if not support.support_mask_TNK.any():
        return text, pool, [], []
    return text, pool, *(tensor.numpy() for tensor in pictures_of(support))


@pytest.mark.parametrize(
    ("shots", "gamma"),
    [
        ((2, 2, 2), 0.002),
        ((4, 4, 4), 0.01),
        # Two classes of 3 on average: halfway from 2 to 4 on logarithmic axes is √8.
        ((4, 0, 2), 0.002 * 5 ** (np.log(3 / 2) / np.log(2))),
        ((9, 8, 7), 0.2),
        ((0, 0, 0), 0.0),
    ],
)
def test_transclip__picture_by_picture__agrees(make_support, add_pool, pictures_of, shots, gamma):
    support = add_pool(make_support(shots if any(shots) else (1, 1, 1), width=WIDTH), 12)
    support.support_mask_TNK[:] &= torch.tensor(any(shots))
    support.logit_scale_T[:] = SCALE
    query = support.support_TNKD[:, 0]
    text, pool, rows, labels = numbers_of(support, pictures_of)

    result = logits_of(POOL_PEERS["TransCLIP"](support), query)[0].softmax(-1)

    means, variance, power = transclip(pool, rows, labels, text, SCALE, gamma)
    wanted = answers(query[0].numpy(), text, power * SCALE, means, variance)
    torch.testing.assert_close(result, torch.from_numpy(wanted))


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
            power * np.log(p)
            + [gaussian(u, *own, determinant=True) for own in zip(means, variances, strict=True)]
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
    text, pool, rows, labels = numbers_of(support, pictures_of)

    result = logits_of(POOL_PEERS["StatA"](support), query)[0]

    means, variances, power = stat_a(pool, rows, labels, text, SCALE)
    query = query[0].numpy()
    wanted = answers(query, text, power * SCALE, means, variances, determinant=True)
    torch.testing.assert_close(result, torch.from_numpy(wanted).log())
