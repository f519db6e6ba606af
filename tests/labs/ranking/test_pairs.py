from __future__ import annotations

from dataclasses import replace

import numpy as np

from metaadapter.labs.ranking.pairs import PairsConfig, StoredPairs, estimate_pairs


def stored_of(pictures, captions, texts):
    return StoredPairs(PairsConfig(width=24, captions=texts), pictures, captions)


def test_estimate_pairs__of_one_caption__are_alike(domain):
    pairs = domain(n_pairs=12, noise=3.0)
    different = stored_of(pairs.pair_pictures, pairs.pair_captions, [*map(str, range(12))])
    alike = replace(different, config=PairsConfig(width=24, captions=["one caption"] * 12))

    assert estimate_pairs(different).captions_found.n_correct < 12
    assert estimate_pairs(alike).captions_found.n_correct == 12


def test_estimate_pairs__of_one_picture__count_once_and_none_stays_in_the_fit(domain):
    pairs = domain(n_pairs=12)
    texts = [*map(str, range(12))]
    alone = stored_of(pairs.pair_pictures, pairs.pair_captions, texts)
    # Each picture with a second caption, near the first.
    twice = stored_of(
        np.concatenate([pairs.pair_pictures] * 2),
        np.concatenate([pairs.pair_captions, 0.9 * pairs.pair_captions]),
        [*texts, *(f"{text} again" for text in texts)],
    )

    assert estimate_pairs(twice) == estimate_pairs(alone)
