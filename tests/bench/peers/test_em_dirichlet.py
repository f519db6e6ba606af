from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import digamma, gammaln, softmax
from scipy.stats import dirichlet

from metaadapter.adapter.weights import logits_of
from metaadapter.bench.peers.by_name import POOL_PEERS


def likeliest(mean_log, start):
    """The Dirichlet with the greatest likelihood, by scipy, as logarithms of α are free."""

    def loss(log_alpha):
        alpha = np.exp(log_alpha)
        value = gammaln(alpha.sum()) - gammaln(alpha).sum() + (alpha - 1) @ mean_log
        slope = digamma(alpha.sum()) - digamma(alpha) + mean_log
        return -value, -slope * alpha

    result = minimize(loss, np.log(start), jac=True, method="BFGS", options={"gtol": 1e-9})
    return np.exp(result.x)


def em_dirichlet(pool, labelled, labels, n_way):
    """Parameters and shares after twenty rounds, from probabilities of pictures."""
    z, alphas = list(pool), [np.ones(n_way)] * n_way
    for _ in range(20):
        for c in range(n_way):
            mass = sum(p[c] for p in z) + sum(label == c for label in labels)
            total = sum(p[c] * np.log(x) for p, x in zip(z, pool, strict=True))
            total = total + sum(
                np.log(x) for x, label in zip(labelled, labels, strict=True) if label == c
            )
            alphas[c] = likeliest(total / mass, alphas[c])
        shares = sum(z) / len(z)
        z = [softmax(densities(x, alphas) + np.log(shares)) for x in pool]
    return alphas, shares


def densities(x, alphas):
    return np.array([dirichlet.logpdf(x / x.sum(), alpha) for alpha in alphas])


@pytest.mark.parametrize("shots", [(4, 3, 3), (4, 0, 3)])
def test_em_dirichlet__fitted_by_scipy__agrees(
    make_support, add_pool, pictures_of, scale, query, shots
):
    support = add_pool(make_support(shots), 30)
    rows, labels = (tensor.numpy() for tensor in pictures_of(support))
    text = support.text_TND[0].numpy()

    def probabilities(pictures):
        return [softmax(0.3 * scale * text @ x) for x in pictures]

    result = logits_of(POOL_PEERS["EM-Dirichlet"](support), query)[0]

    pool = probabilities(support.pool_TUD[0].numpy())
    alphas, shares = em_dirichlet(pool, probabilities(rows), labels, 3)
    wanted = [
        softmax(densities(x, alphas) + np.log(shares)) for x in probabilities(query[0].numpy())
    ]
    # Steps end where they hardly move, a little before the maximum.
    torch.testing.assert_close(result.exp(), torch.from_numpy(np.stack(wanted)), atol=1e-3, rtol=0)
