"""The forecast of accuracy: its formula, its limits, and what it counts."""

from __future__ import annotations

import math

import numpy as np
import pytest

from metaadapter.adapter.support import Support
from metaadapter.generator.pretrained import shared_generator
from metaadapter.workflow.forecast import ERRORS, GAINS, SPREAD, forecast, forecast_of
from metaadapter.workflow.left_out_accuracy import predict_left_out
from tests.random_tasks import RandomTasks


def test_forecast__is_the_left_out_probability_moved_on_the_logit_scale():
    own = np.array([0.2, 0.9, 0.6, 0.7, 0.5, 0.9, 0.8, 0.6])

    now, twice, *_ = forecast(own, 2)

    p = own.mean()
    constant, slope = GAINS[1]
    expected = 1 / (1 + math.exp(-(math.log(p / (1 - p)) + constant + slope * math.log(4))))
    assert now.accuracy == pytest.approx(expected)
    half = SPREAD + ERRORS * math.sqrt(expected * (1 - expected) / 8)
    assert (now.low, now.high) == pytest.approx((expected - half, min(1, expected + half)))
    assert (now.times, twice.times) == (1, 2)


@pytest.mark.parametrize("n_shot", [2, 5, 16, 100])
@pytest.mark.parametrize("own", [0.0, 0.05, 0.5, 0.99, 1.0])
def test_forecast__more_labels__never_lower_it_and_the_interval_is_within_0_and_1(own, n_shot):
    expected = forecast(np.full(3 * n_shot, own), 3)

    accuracies = [one.accuracy for one in expected]
    assert accuracies == sorted(accuracies)
    assert all(0 <= one.low <= one.accuracy <= one.high <= 1 for one in expected)


def test_forecast__of_fewer_than_two_pictures_a_class__is_empty():
    assert forecast(np.full(5, 0.5), 3) == ()
    assert forecast(np.zeros(0), 3) == ()


def test_forecast_of__a_series_counts_once_and_a_pool_not_at_all():
    tasks = RandomTasks(1, 3, 4)
    support = tasks.support
    rows, numbers = (part.float() for part in (support.labelled_rows()[0], tasks.text[0]))
    labels = support.labelled_rows()[1]
    one = Support.of_rows(rows, labels, numbers)
    again = Support.of_rows(rows.repeat(2, 1), labels.repeat(2), numbers)

    expected = forecast_of(one)

    assert expected
    assert forecast_of(again) != expected
    groups = [f"series {number}" for number in range(12)]
    assert np.array(forecast_of(again, groups * 2)) == pytest.approx(np.array(expected), abs=1e-6)
    assert forecast_of(one.with_pool(rows[:5])) == expected


def test_forecast_of__agrees_with_adapters_that_are_predicted_anew_without_each_picture():
    tasks = RandomTasks(1, 4, 3)
    support = tasks.with_scale(100.0)

    left_out = predict_left_out(support, shared_generator("default")[0])

    own = left_out.probabilities[left_out.targets].numpy()
    slow, fast = forecast(own, 4), forecast_of(support)
    assert np.array(fast) == pytest.approx(np.array(slow), abs=0.05)
