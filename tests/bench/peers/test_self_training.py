from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import SelfTrainingClassifier

from metaadapter.adapter.weights import classify, logits_of
from metaadapter.bench.peers.by_name import PEERS, POOL_PEERS


def surely_told(support, n_pool):
    """A pool of pictures near labelled ones, some so near that the probe is sure of them."""
    draw = torch.Generator().manual_seed(3)
    width = support.text_TND.shape[-1]
    shots = support.support_TNKD[0][support.support_mask_TNK[0]]
    near = shots[torch.arange(n_pool) % len(shots)]
    noise = torch.randn(n_pool, width, generator=draw, dtype=torch.float64)
    far = torch.linspace(0, 1, n_pool, dtype=torch.float64)[:, None]
    return torch.nn.functional.normalize(near + far * noise, dim=-1)


# With 40 numbers pictures span fewer dimensions than they have.
@pytest.mark.parametrize("width", [12, 40])
@pytest.mark.parametrize("shots", [(3, 2), (4, 3, 4), (3, 0, 3)])
def test_self_training__scikit_learns_own__agrees(make_support, pictures_of, shots, width):
    support = make_support(shots, width=width)
    pool = surely_told(support, 14)
    rows, labels = (tensor.numpy() for tensor in pictures_of(support))
    query = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 6, width)))

    result = logits_of(POOL_PEERS["self-training"](support.with_pool(pool)), query)[0]

    probe = LogisticRegression(C=10.0, solver="newton-cg", tol=1e-8, max_iter=1000)
    own = SelfTrainingClassifier(probe)
    own.fit(np.concatenate([rows, pool.numpy()]), np.concatenate([labels, np.full(14, -1)]))
    assert 0 < (own.transduction_[len(rows) :] >= 0).sum() < 14
    wanted = own.predict_proba(query[0].numpy())
    torch.testing.assert_close(
        result[:, own.classes_].softmax(-1), torch.from_numpy(wanted), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("shots", [(3, 1, 2), (2, 2), (0, 2, 0)])
def test_self_training__no_pool__is_the_logistic_probe(make_support, query, shots):
    support = make_support(shots)

    result = classify(query, POOL_PEERS["self-training"](support))

    torch.testing.assert_close(result, classify(query, PEERS["logistic probe"](support)))
