from __future__ import annotations

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge

from metaadapter.labs.ranking.pair_adapter import (
    RIDGE,
    SHARPNESS,
    fit_pairs,
    left_out_cosines,
    mean_lead,
    unit,
)


def fitted(adapter):
    return adapter.pictures, adapter.captions, adapter.corrections


def refit(adapter, kept):
    """Scikit-learn's fit to the kept pairs: a function from captions to expected pictures."""
    own, targets = adapter.captions[kept], adapter.pictures[kept]
    # Of rows of length 1 exp(s · (cosine − 1)) is the radial kernel of s / 2.
    ridge = KernelRidge(kernel="rbf", gamma=SHARPNESS / 2, alpha=RIDGE).fit(own, targets - own)
    return lambda captions: unit((captions + ridge.predict(captions)).astype(np.float32))


def test_left_out_cosines__are_those_of_fits_without_the_two_pairs(domain):
    adapter = fit_pairs(*domain(n_pairs=6)[:2])

    result = left_out_cosines(*fitted(adapter))

    for i in range(6):
        for j in range(6):
            expect = refit(adapter, [n for n in range(6) if n not in (i, j)])
            cosine = adapter.pictures[i] @ expect(adapter.captions[[j]])[0]
            assert result[i, j] == pytest.approx(cosine, abs=1e-5)


def test_mean_lead__captions_that_recur__is_that_of_fits_without_all_pairs_of_a_caption(domain):
    pairs = domain(n_pairs=9)
    captions = pairs.pair_captions[[0, 1, 2, 3, 0, 1, 0, 3, 4]]
    adapter = fit_pairs(pairs.pair_pictures, captions)

    result = mean_lead(*fitted(adapter))

    leads = []
    for i, picture in enumerate(adapter.pictures):
        same = (captions == captions[i]).all(1)
        expect = refit(adapter, np.flatnonzero(~same))
        others = picture @ expect(adapter.captions[~same]).T
        leads.append(others.max() - picture @ expect(adapter.captions[[i]])[0])
    assert result == pytest.approx(np.mean(leads), abs=1e-5)
