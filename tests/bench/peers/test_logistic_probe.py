"""The probe against a minimum by scipy, and its answers where it cannot fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax

from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.by_name import PEERS


@pytest.mark.parametrize("shots", [(3, 1, 2), (4, 3, 3)])
def test_logistic_probe__minimum_by_scipy__agrees(make_support, pictures_of, query, shots):
    support = make_support(shots)
    rows, labels = (tensor.numpy() for tensor in pictures_of(support))

    def loss(flat):
        classes, bias = flat[:36].reshape(3, 12), flat[36:]
        log_p = log_softmax(rows @ classes.T + bias, axis=1)
        error = np.exp(log_p) - np.eye(3)[labels]
        value = -10 * log_p[range(len(rows)), labels].sum() + 0.5 * (classes**2).sum()
        slope = np.concatenate([(10 * error.T @ rows + classes).ravel(), 10 * error.sum(0)])
        return value, slope

    minimum = minimize(loss, np.zeros(39), jac=True, tol=1e-12, options={"maxiter": 10_000}).x

    result = classify(query, PEERS["logistic probe"](support))[0]

    wanted = query[0].numpy() @ minimum[:36].reshape(3, 12).T + minimum[36:]
    torch.testing.assert_close(
        result.softmax(-1), torch.from_numpy(wanted).softmax(-1), rtol=1e-5, atol=1e-6
    )
