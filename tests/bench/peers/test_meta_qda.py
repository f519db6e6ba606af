from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_t

from metaadapter.adapter.weights import logits_of
from metaadapter.bench.peers.meta_qda import Prior, log_densities


def posterior_predictive(pictures, learned):
    """The Student t of a new picture of one class, with its matrices written out."""
    width, n = len(learned.mean_D), len(pictures)
    kappa, m = math.exp(learned.log_kappa), learned.mean_D
    nu = math.exp(learned.log_freedom) + width - 1
    inverse = np.linalg.inv(learned.whiten_DD)
    mean = (kappa * m + sum(pictures)) / (kappa + n) if n else m
    scatter = inverse @ inverse.T + kappa * np.outer(m, m) - (kappa + n) * np.outer(mean, mean)
    scatter += sum(np.outer(x, x) for x in pictures)
    freedom = nu + n - width + 1
    shape = scatter * (kappa + n + 1) / ((kappa + n) * freedom)
    return multivariate_t(mean, (shape + shape.T) / 2, df=freedom)


@pytest.fixture
def case(make_meta_peer, make_support):
    """A peer with its weights as arrays, a support and the pictures of each of its classes."""
    support, peer = make_support((5, 1, 0, 2)), make_meta_peer("MetaQDA")
    learned = SimpleNamespace(**{name: w.double().numpy() for name, w in peer.learned.items()})
    pictures = [
        shots[mask].numpy()
        for shots, mask in zip(support.support_TNKD[0], support.support_mask_TNK[0], strict=True)
    ]
    return peer, learned, support, pictures


def test_log_densities__scipys_student_t__agrees_up_to_the_stated_constant(case, query):
    peer, learned, support, pictures = case
    prior = Prior(**{name: w.double() for name, w in peer.learned.items()})

    result = log_densities(support, query, prior)[0]

    wanted = [posterior_predictive(shots, learned).logpdf(query[0].numpy()) for shots in pictures]
    constant = len(learned.mean_D) / 2 * math.log(math.pi)
    constant -= np.linalg.slogdet(learned.whiten_DD)[1]
    torch.testing.assert_close(result, torch.tensor(np.array(wanted).T) + constant)


def test_meta_qda__class_by_class__gives_tempered_probabilities(case, query):
    peer, learned, support, pictures = case

    result = logits_of(peer(support), query)[0]

    wanted = [posterior_predictive(shots, learned).logpdf(query[0].numpy()) for shots in pictures]
    tempered = torch.tensor(np.array(wanted).T) / math.exp(learned.log_temperature)
    torch.testing.assert_close(result, tempered.log_softmax(-1))
