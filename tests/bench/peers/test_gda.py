"""GDA against scikit-learn's linear discriminant analysis with the authors' covariance."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.by_name import PEERS


class FixedCovariance:
    """Gives scikit-learn one covariance for every class."""

    def __init__(self, covariance_):
        self.covariance_ = covariance_

    def fit(self, _):
        return self


@pytest.mark.parametrize(
    ("shots", "alpha"),
    [
        *(((2, 2, 2), 1e-1), ((4, 4, 4), 1e-1), ((9, 8, 7), 1.0), ((16, 16, 16), 10.0)),
        # Between the numbers of shots of the table, and beyond it.
        *(((12, 12, 12), 10 ** np.log2(1.5)), ((40, 40, 40), 10.0)),
    ],
)
def test_gda__scikit_learns_own__agrees(make_support, pictures_of, scale, query, shots, alpha):
    support = make_support(shots)
    rows, labels = (tensor.numpy() for tensor in pictures_of(support))

    result = classify(query, PEERS["GDA"](support))[0]

    residuals = np.concatenate([rows[labels == c] - rows[labels == c].mean(0) for c in range(3)])
    covariance = np.cov(residuals.T)
    n, width = residuals.shape
    shrunk = ((n - 1) * covariance + np.trace(covariance) * np.eye(width)) / width
    lda = LinearDiscriminantAnalysis(
        solver="lsqr", priors=np.full(3, 1 / 3), covariance_estimator=FixedCovariance(shrunk)
    ).fit(rows, labels)
    discriminant = torch.from_numpy(lda.decision_function(query[0].numpy()))
    wanted = scale * query[0] @ support.text_TND[0].T + alpha * discriminant
    # scikit-learn adds the logarithm of the prior, the same for all classes.
    torch.testing.assert_close(result.softmax(-1), wanted.softmax(-1))
    torch.testing.assert_close(result, wanted - alpha * np.log(1 / 3))
