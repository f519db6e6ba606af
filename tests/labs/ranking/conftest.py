from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from metaadapter.labs.ranking.pair_adapter import unit


class Scene(NamedTuple):
    """Pairs of a domain, and other pictures and captions of it, the n-th of the n-th.

    `again` are other pictures of the captions of the pairs.
    """

    pair_pictures: np.ndarray
    pair_captions: np.ndarray
    pictures: np.ndarray
    captions: np.ndarray
    again: np.ndarray


@pytest.fixture
def domain():
    """Captions, and pictures that are like them, turned within a plane, off to one side, noisy."""

    def make(n_pairs=16, n=40, width=24, seed=0, noise=0.3):
        rng = np.random.default_rng(seed)
        captions = unit(rng.standard_normal((n_pairs + n, width)).astype(np.float32))
        turn = np.linalg.qr(rng.standard_normal((width, width)))[0]
        aside = 2 * unit(rng.standard_normal((1, width)).astype(np.float32))

        def pictures(captions):
            noises = noise * rng.standard_normal(captions.shape) / width**0.5
            return unit((captions + 0.7 * captions @ turn + aside + noises).astype(np.float32))

        pairs, others = np.split(pictures(captions), [n_pairs])
        again = pictures(captions[:n_pairs])
        return Scene(pairs, captions[:n_pairs], others, captions[n_pairs:], again)

    return make
