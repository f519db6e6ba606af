from __future__ import annotations

import math

import pytest

from metaadapter.bench.evaluation.summary import Estimate
from metaadapter.bench.report.words import (
    METRIC_NAMES,
    fraction,
    metric,
    metric_name,
    points,
)


def test_points__fraction__is_a_percentage_with_its_interval():
    assert points(Estimate(0.5951, 0.0144)) == "59.5 ± 1.4"
    assert points(Estimate(0.5951, math.nan)) == "59.5"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0 %"),
        (0.25, "25 %"),
        (0.9949, "99 %"),
        (0.99999, "over 99 %"),
        (1.0, "100 %"),
    ],
)
def test_fraction__of_nearly_all__is_not_called_all(value, text):
    assert fraction(value).replace("\u00a0", " ") == text


def test_metric__each__is_as_its_name_announces():
    assert metric(0.0471, "ece") == "4.7"
    assert metric(1.234, "nll") == "1.23"
    assert (metric_name("top_5"), metric(0.87654, "top_5")) == ("top_5", "0.877")
    assert {name for name, title in METRIC_NAMES.items() if "%" not in title} == {
        *("nll", "brier", "set_size")
    }
