from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import logits_of
from metaadapter.bench.peers.by_name import PEERS
from metaadapter.bench.peers.classifier import PeerClassifier

NAMES = ("ant", "bee", "cat")
SCALE = 20.0


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def texts(rng):
    return {name: rng.normal(size=16) for name in NAMES}


def pictures(texts, n_shot, rng):
    """Rows of any length around the texts, `n_shot` of each class in turn, and their labels."""
    labels = np.tile(list(texts), n_shot)
    return np.stack([texts[name] + rng.normal(size=16) for name in labels]), labels


@pytest.mark.parametrize("peer", ["GDA", "Tip-Adapter", "text + mean"])
def test_peer_classifier__shuffled_labelled_rows__equals_the_peer_and_classify(peer, texts, rng):
    X, y = pictures(texts, 3, rng)
    X_new = rng.normal(size=(5, 16))

    result = PeerClassifier(peer, texts, logit_scale=SCALE).fit(X, y).predict_proba(X_new)

    def unit(rows):
        return torch.nn.functional.normalize(torch.as_tensor(np.array(rows)), dim=-1)

    # Features and texts are kept in float32, as they come from an encoder.
    shots = unit([[X[y == name] for name in NAMES]]).float().double()
    text = unit([list(texts.values())]).float().double()
    head = PEERS[peer](Support.of_tasks(shots, text, logit_scale=SCALE))
    wanted = logits_of(head, unit(X_new)[None])[0].softmax(-1)
    # Another order of the pictures rounds otherwise.
    np.testing.assert_allclose(result, wanted, rtol=1e-6, atol=1e-8)


@parametrize_with_checks([PeerClassifier("GDA", logit_scale=100.0)])
def test_peer_classifier__scikit_learns_own_checks__hold(estimator, check):
    check(estimator)


def text_and_mean(support):
    """The peer "text + mean", as somebody would write it."""
    rows_TND = support.text_TND + support.means_TND
    return support.head(torch.nn.functional.normalize(rows_TND, dim=-1))


def test_peer_classifier__function_of_a_support__is_a_peer(texts, rng):
    X, y = pictures(texts, 3, rng)

    own = PeerClassifier(text_and_mean, texts, logit_scale=SCALE)

    named = PeerClassifier("text + mean", texts, logit_scale=SCALE).fit(X, y)
    np.testing.assert_allclose(clone(own).fit(X, y).predict_proba(X), named.predict_proba(X))
