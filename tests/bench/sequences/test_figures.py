"""Figures of continual learning against matrices worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
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


def rows_of(accuracy, method="one", seed=0, n_classes=(3, 5, 9)):
    return pd.DataFrame(
        [
            {
                **{"method": method, "n_shot": 4, "seed": seed, "after": i + 1, "task": j + 1},
                **{"accuracy": value, "identified": value / 2},
                **{"n_classes": n_classes[i], "n_bytes": 90 * (i + 1)},
            }
            for (i, j), value in np.ndenumerate(accuracy)
            if not math.isnan(value)
        ]
    )


def test_draw_figures__rows__has_a_row_a_draw():
    result = figures.draw_figures(pd.concat([rows_of(SO_FAR), rows_of(POOLED, seed=1)]))

    assert result["seed"].tolist() == [0, 1]
    assert result["last"].tolist() == pytest.approx([2 / 3, 2 / 3])
    assert result["identification"].tolist() == pytest.approx([1 / 3, 1 / 3])
    assert result["bytes_a_class"].tolist() == [30, 30]
    assert result["transfer"].isna().tolist() == [True, False]
