"""CORAL and T3A, written out with whole matrices and picture by picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from scipy.special import softmax

from metaadapter.adapter.weights import logits_of
from metaadapter.bench.peers.by_name import PEERS, POOL_PEERS


def unit(vector):
    return vector / np.linalg.norm(vector)


def regular(rows):
    covariance = np.cov(rows.T, bias=True)
    return covariance + np.trace(covariance) / len(covariance) * np.eye(len(covariance))


@pytest.mark.parametrize("n_pool", [4, 30])
def test_coral__labelled_pictures__get_the_mean_and_covariance_of_the_pool(
    make_support, add_pool, pictures_of, query, n_pool
):
    support = add_pool(make_support((3, 1, 2)), n_pool)
    rows, pool = pictures_of(support)[0].numpy(), support.pool_TUD[0].numpy()
    recolour = sqrtm(regular(pool)).real @ np.linalg.inv(sqrtm(regular(rows)).real)
    moved = support.support_TNKD.clone()
    places = support.support_mask_TNK[0].nonzero().tolist()
    for (way, shot), x in zip(places, rows, strict=True):
        moved[0, way, shot] = torch.from_numpy(unit(pool.mean(0) + recolour @ (x - rows.mean(0))))

    result = logits_of(POOL_PEERS["CORAL"](support), query)

    expected = PEERS["GDA"](replace(support, support_TNKD=moved))
    torch.testing.assert_close(result, logits_of(expected, query))


@pytest.mark.parametrize("n_pool", [3, 60])
def test_t3a__class_vectors__are_sums_of_the_surest_pictures(
    make_support, add_pool, pictures_of, query, scale, n_pool
):
    support = add_pool(make_support((3, 1, 2)), n_pool)
    rows, labels = pictures_of(support)
    start = []
    for c, text in enumerate(support.text_TND[0].numpy()):
        own = [row.numpy() for row, label in zip(rows, labels, strict=True) if label == c]
        start.append(unit(text + sum(own) / len(own)))
    kept = {c: [] for c in range(3)}
    for z in [*start, *support.pool_TUD[0].numpy()]:
        p = softmax([scale * z @ w for w in start])
        kept[int(np.argmax(p))].append((-sum(p * np.log(p)), z))
    surest = [sorted(kept[c], key=lambda pair: pair[0])[:5] for c in range(3)]
    assert (max(map(len, kept.values())) > 5) is (n_pool == 60)
    vectors = [unit(sum(z for _, z in pairs)) for pairs in surest]

    result = logits_of(POOL_PEERS["T3A"](support), query)[0].softmax(-1)

    expected = [softmax([scale * x @ v for v in vectors]) for x in query[0].numpy()]
    np.testing.assert_allclose(result, expected, rtol=1e-9)


@pytest.mark.parametrize(("peer", "base"), [("CORAL", "GDA"), ("T3A", "text + mean")])
def test_peer__without_a_pool__is_the_classifier_that_it_starts_from(
    make_support, query, peer, base
):
    support = make_support((3, 0, 2))

    result = logits_of(POOL_PEERS[peer](support), query)

    torch.testing.assert_close(result, logits_of(PEERS[base](support), query))
