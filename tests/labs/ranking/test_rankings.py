from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metaadapter.labs.ranking.rankings import balance_kinds, lead_of_pairs, level_candidates, search


@settings(max_examples=60)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 5),
    st.integers(1, 60),
    st.integers(1, 12),
    st.integers(1, 200),
)
def test_search__any_block_size__agrees_with_sorting(
    seed, n_questions, n_rows, k, products_at_once
):
    rng = np.random.default_rng(seed)
    # Small whole numbers: many products are equal, and all are exact.
    numbers = rng.integers(-2, 3, (n_questions + n_rows, 3)).astype(np.float32)
    questions, rows = np.split(numbers, [n_questions])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("metaadapter.labs.ranking.rankings.PRODUCTS_AT_ONCE", products_at_once)
        result = search(questions, rows, k)

    products = questions @ rows.T
    np.testing.assert_array_equal(result.scores, -np.sort(-products, axis=1)[:, :k])
    np.testing.assert_array_equal(result.scores, np.take_along_axis(products, result.rows, 1))
    assert all(len({*row}) == min(k, n_rows) for row in result.rows.tolist())


def levelled(pictures, captions):
    """Scores of pictures and captions with two columns more."""
    pictures, captions = (np.pad(rows, ((0, 0), (0, 2))) for rows in (pictures, captions))
    pictures[:, -1], captions[:, -2] = 1, 1
    of_pictures, of_captions = level_candidates(pictures, captions)
    return of_pictures @ of_captions.T


def test_level_candidates__scores__are_less_half_of_both_means_of_the_ten_highest(domain):
    pairs = domain(n=30)

    plain = pairs.pictures @ pairs.captions.T
    highest = np.sort(plain, axis=1)[:, -10:].mean(1), np.sort(plain, axis=0)[-10:].mean(0)
    expected = plain - highest[0][:, None] / 2 - highest[1] / 2
    np.testing.assert_allclose(levelled(pairs.pictures, pairs.captions), expected, atol=1e-6)


@pytest.mark.parametrize("n_new", [0, 1, 7, 30])
def test_balance_kinds__any_pictures__give_as_many_a_new_caption_as_the_frozen_encoder(n_new):
    rng = np.random.default_rng(n_new)
    pictures, captions = (rng.standard_normal((n, 8)).astype(np.float32) for n in (30, 12))
    pictures[:, -1] = captions[:, -2] = 1
    of_pairs = np.arange(12) < 5
    frozen_lead = np.where(rng.permutation(30) < n_new, -0.3, 0.2).astype(np.float32)

    balanced = balance_kinds(pictures, captions, of_pairs, frozen_lead)

    best = (pictures @ balanced.T).argmax(1)
    assert (best >= 5).sum() == n_new
    # The pictures that get one are those whose own scores are most for one, and orders stay.
    leads = lead_of_pairs(pictures, captions, of_pairs)
    assert set(np.flatnonzero(best >= 5)) == set(np.argsort(leads)[:n_new])
    change = pictures @ (balanced - captions).T
    assert np.ptp(change[:, :5]) == pytest.approx(0, abs=1e-5)
    assert not change[:, 5:].any()
