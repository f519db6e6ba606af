"""The heads of other programs against numpy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.ensemble import RandomForestClassifier

from metaadapter.adapter.weights import logits_of
from metaadapter.bench.peers.by_name import PEERS


def in_order(rows, labels):
    """Rows by their last value, and classes by the place of their first row."""
    order = np.argsort(rows[:, -1])
    classes = list(dict.fromkeys(labels[order].tolist()))
    return rows[order], np.array([classes.index(label) for label in labels[order]]), classes


def draws_of_torch(width, counts):
    """The first weights of two layers, and the mask of each batch by its rows."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(42)
        torch.nn.Linear(width, 128), torch.nn.Linear(128, len(counts))
        shapes = (128, width), (len(counts), 128)
        weights = [torch.nn.init.xavier_uniform_(torch.empty(shape)).numpy() for shape in shapes]
        batches = [
            (batch.numpy(), torch.empty(len(batch), 128).bernoulli_(0.7).numpy() / 0.7)
            for _ in range(50)
            for batch in torch.randperm(sum(counts)).split(16)
        ]
    return weights, batches


def test_frigate__adam_and_slopes_written_out__agree(make_support, pictures_of, query):
    support = make_support((11, 5, 9))
    rows, places, classes = in_order(*(part.numpy() for part in pictures_of(support)))
    kept = np.concatenate(
        [np.flatnonzero(places == c)[(places == c).sum() // 5 :] for c in (0, 1, 2)]
    )
    x, y = rows[kept], np.eye(3)[places[kept]]
    (first, last), batches = draws_of_torch(12, y.sum(0).astype(int).tolist())
    its = [first.astype(float), np.zeros(128), last.astype(float), np.zeros(3)]
    means, squares = ([np.zeros_like(part) for part in its] for _ in range(2))
    for step, (batch, mask) in enumerate(batches, 1):
        before = x[batch] @ its[0].T + its[1]
        hidden = before.clip(0) * mask
        error = (softmax(hidden @ its[2].T + its[3], axis=1) - y[batch]) / len(batch)
        back = error @ its[2] * mask * (before > 0)
        slopes = [back.T @ x[batch], back.sum(0), error.T @ hidden, error.sum(0)]
        for part, mean, square, slope in zip(its, means, squares, slopes, strict=True):
            mean += 0.1 * (slope - mean)
            square += 0.001 * (slope**2 - square)
            size = np.sqrt(square / (1 - 0.999**step)) + 1e-7
            part -= 1e-3 * mean / (1 - 0.9**step) / size

    result = logits_of(PEERS["Frigate"](support), query)[0].exp().numpy()

    hidden = (query[0].numpy() @ its[0].T + its[1]).clip(0)
    wanted = softmax(hidden @ its[2].T + its[3], axis=1)
    np.testing.assert_allclose(result[:, classes], wanted, atol=1e-4)


def test_random_forest__scikit_learn__agrees(make_support, pictures_of, query):
    support = make_support((3, 1, 2, 0))
    rows, places, classes = in_order(*(part.numpy() for part in pictures_of(support)))
    forest = RandomForestClassifier(class_weight="balanced", random_state=42).fit(rows, places)

    result = logits_of(PEERS["random forest"](support), query)[0].exp().numpy()

    np.testing.assert_allclose(
        result[:, classes], forest.predict_proba(query[0].numpy()), atol=1e-5
    )
    assert result[:, 3] == pytest.approx(1e-6, rel=1e-3)
