from __future__ import annotations

import numpy as np

from metaadapter.features.views import join_looks
from metaadapter.labs.ranking.pair_adapter import (
    HUB_WEIGHT,
    LEAD_WEIGHT,
    LEVEL_OF_PAIRS,
    MEAN_SHRINKAGE,
    N_NEIGHBOURS,
    SHARPNESS,
    fit_pairs,
    mean_lead,
    unit,
)


def scores(adapter, pictures, captions, **options):
    rows = adapter.caption_rows(captions, **options)
    return adapter.picture_rows(pictures, **options) @ rows.T


def test_scores__without_a_pair__are_the_cosines_of_the_encoder(domain):
    pairs = domain(n_pairs=0)

    result = scores(fit_pairs(*pairs[:2]), pairs.pictures, pairs.captions)

    np.testing.assert_allclose(result, pairs.pictures @ pairs.captions.T, atol=1e-6)


def test_scores__hubs__are_levelled_by_the_highest_cosines_with_the_pairs(domain):
    pairs = domain(n_pairs=12)
    adapter = fit_pairs(*pairs[:2])

    result = scores(adapter, pairs.pictures, pairs.captions)

    plain = scores(adapter, pairs.pictures, pairs.captions, hubs=False)
    of_pictures = scores(adapter, pairs.pictures, pairs.pair_captions, hubs=False)
    of_captions = scores(adapter, pairs.pair_pictures, pairs.captions, hubs=False)
    highest = np.sort(of_pictures, axis=1)[:, -N_NEIGHBOURS:].mean(1)
    level = highest[:, None] + np.sort(of_captions, axis=0)[-N_NEIGHBOURS:].mean(0)
    lowered = level_of_pairs(adapter) * nearness(adapter, pairs.captions)
    np.testing.assert_allclose(result, plain - HUB_WEIGHT * level - lowered, atol=1e-5)


def level_of_pairs(adapter):
    n = len(adapter.captions)
    lead = mean_lead(adapter.pictures, adapter.captions, adapter.corrections)
    return max(LEVEL_OF_PAIRS * n / (n + MEAN_SHRINKAGE), LEAD_WEIGHT * lead)


def nearness(adapter, captions):
    """The kernel of each caption with the nearest caption of a pair, from squared distances."""
    centred = unit(captions - adapter.caption_mean)
    squares = ((centred[:, None] - adapter.captions[None]) ** 2).sum(-1)
    return np.exp(-SHARPNESS / 2 * squares).max(1)


def test_scores__captions_of_pairs__are_lowered_alike_and_more_than_new_ones(domain):
    pairs = domain(n_pairs=12)
    adapter = fit_pairs(*pairs[:2])
    captions = np.concatenate([pairs.pair_captions, pairs.captions])

    lowered = level_of_pairs(adapter) * nearness(adapter, captions)

    assert lowered[0] > 0
    np.testing.assert_allclose(lowered[:12], lowered[0], atol=1e-6)
    assert lowered[12:].max() < lowered[0] / 2


def test_rows__of_two_looks_with_blocks__are_as_long_as_one_look_and_score_alike(domain):
    pairs = domain(n_pairs=5, n=7, width=6)
    rng = np.random.default_rng(1)

    def looks(rows, more):
        """Two looks, each of these rows and more columns."""
        return unit(join_looks(np.stack([np.concatenate([rows, part], 1) for part in more], 1)))

    pictures, pair_pictures = (
        looks(rows, rng.standard_normal((2, len(rows), 3)).astype(np.float32))
        for rows in (pairs.pictures, pairs.pair_pictures)
    )
    captions, pair_captions = (
        looks(rows, np.zeros((2, len(rows), 3), np.float32))
        for rows in (pairs.captions, pairs.pair_captions)
    )

    short = fit_pairs(pair_pictures, pair_captions, zoom=True, blocks={"joint": 6, "stages": 3})

    assert short.picture_rows(pictures).shape == (7, 6 + 5 + 2)
    whole = fit_pairs(pair_pictures, pair_captions)
    result = scores(short, pictures, captions)
    np.testing.assert_allclose(result, scores(whole, pictures, captions), atol=1e-6)


def test_fit_pairs__order_of_pairs__makes_no_difference(domain):
    pairs = domain()

    turned = fit_pairs(pairs.pair_pictures[::-1], pairs.pair_captions[::-1])

    result = scores(turned, pairs.pictures, pairs.captions)
    straight = scores(fit_pairs(*pairs[:2]), pairs.pictures, pairs.captions)
    np.testing.assert_allclose(result, straight, atol=1e-5)


def test_fit_pairs__new_pictures_and_captions_of_the_domain__find_one_another_more_often(domain):
    gains = []
    for seed in range(10):
        pairs = domain(seed=seed)
        result = scores(fit_pairs(*pairs[:2]), pairs.pictures, pairs.captions)
        frozen = pairs.pictures @ pairs.captions.T
        own = np.arange(len(frozen))
        gains.append((result.argmax(1) == own).mean() - (frozen.argmax(1) == own).mean())

    assert np.mean(gains) > 0.05
    assert min(gains) > -0.1
