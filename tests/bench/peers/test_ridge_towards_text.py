"""The ridge towards the texts against scikit-learn's own on what the texts leave unexplained."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.by_name import PEERS


def standard(rows, centre, of):
    return (rows - centre) / np.sqrt(np.mean(np.sum((of - centre) ** 2, axis=1)))


# Fewer pictures than the width of 12, and more.
@pytest.mark.parametrize("shots", [(1, 1, 1), (3, 1, 2), (9, 8, 7)])
def test_ridge_towards_text__scikit_learns_ridge_of_the_errors__agrees(
    make_support, pictures_of, query, shots
):
    support = make_support(shots)
    rows, labels = (tensor.numpy() for tensor in pictures_of(support))
    texts = support.text_TND[0].numpy()

    result = classify(query, PEERS["ridge towards text"](support))[0]

    centre = np.mean([rows[labels == c].mean(0) for c in range(3)], axis=0)
    pictures = standard(rows, centre, of=rows)
    prior = 0.5 * standard(texts, texts.mean(0), of=texts)
    ridge = Ridge(alpha=0.5, fit_intercept=False, solver="svd")
    ridge.fit(pictures, np.eye(3)[labels] - pictures @ prior.T)
    queries = standard(query[0].numpy(), centre, of=rows)
    wanted = 17.6 * (queries @ prior.T + ridge.predict(queries))
    torch.testing.assert_close(result, torch.from_numpy(wanted))
