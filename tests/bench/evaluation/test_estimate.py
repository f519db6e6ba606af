from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from metaadapter.bench.evaluation.summary import Estimate


def test_over_stores__one_store__is_students_interval():
    sample = np.random.default_rng(0).normal(60, 5, 12)
    interval = stats.t.interval(0.95, 11, loc=sample.mean(), scale=stats.sem(sample))
    estimate = Estimate.over_stores([sample])
    ends = estimate.mean - estimate.half, estimate.mean + estimate.half
    assert ends == pytest.approx(interval)


def test_over_stores__two_stores__is_the_interval_of_welchs_test():
    rng = np.random.default_rng(1)
    one, other = rng.normal(60, 5, 12), rng.normal(40, 1, 30)
    # Welch's interval of a difference: the other sign of a mean changes no width.
    interval = stats.ttest_ind(one, -other, equal_var=False).confidence_interval(0.95)

    estimate = Estimate.over_stores([one, other])

    assert estimate.mean == pytest.approx((one.mean() + other.mean()) / 2)
    assert estimate.mean - estimate.half == pytest.approx(interval.low / 2)
    assert estimate.mean + estimate.half == pytest.approx(interval.high / 2)
