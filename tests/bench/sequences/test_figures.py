"""Figures of continual learning against matrices worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from metaadapter.bench.sequences import figures

NAN = math.nan
POOLED = np.array([[0.9, 0.2, 0.3], [0.7, 0.8, 0.4], [0.6, 0.9, 0.5]])
SO_FAR = np.array([[0.9, NAN, NAN], [0.7, 0.8, NAN], [0.6, 0.9, 0.5]])


@pytest.mark.parametrize("accuracy", [POOLED, SO_FAR])
def test_last__matrix__is_the_mean_of_its_last_row(accuracy):
    assert figures.last(accuracy) == pytest.approx((0.6 + 0.9 + 0.5) / 3)


@pytest.mark.parametrize(
    ("accuracy", "mean"), [(POOLED, POOLED.mean()), (SO_FAR, (0.9 + 0.75 + 2 / 3) / 3)]
)
def test_average__matrix__is_the_mean_of_the_means_after_each_task(accuracy, mean):
    assert figures.average(accuracy) == pytest.approx(mean)


def test_transfer__matrix__is_the_mean_over_tasks_of_what_was_before_them():
    assert figures.transfer(POOLED) == pytest.approx((0.2 + (0.3 + 0.4) / 2) / 2)
    assert math.isnan(figures.transfer(SO_FAR))
    assert math.isnan(figures.transfer(POOLED[:1, :1]))


@pytest.mark.parametrize("accuracy", [POOLED, SO_FAR])
def test_forgetting__matrix__is_the_fall_from_the_best_since_it_was_learned(accuracy):
    # The first task fell from 0.9 to 0.6, the second rose from 0.8 to 0.9, the last cannot fall.
    assert figures.forgetting(accuracy) == pytest.approx((0.3 - 0.1) / 2)
    assert math.isnan(figures.forgetting(accuracy[:1, :1]))
