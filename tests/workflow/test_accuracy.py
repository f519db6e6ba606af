from __future__ import annotations

import math

import pytest

from metaadapter.workflow.accuracy import Proportion


@pytest.mark.parametrize(("n_correct", "n"), [(0, 7), (7, 7), (2, 4), (66, 120)])
def test_proportion__interval__is_wilsons_formula(n_correct, n):
    z = 1.959963984540054
    centre = (n_correct + z**2 / 2) / (n + z**2)
    half = z / (n + z**2) * math.sqrt(n_correct * (n - n_correct) / n + z**2 / 4)

    interval = Proportion(n_correct, n).interval

    assert interval == pytest.approx((centre - half, centre + half))


def test_proportion__as_text__tells_n_and_the_interval():
    text = str(Proportion(66, 120))

    assert text == "55% (66 of 120, 95 % interval 46% to 64%)"
