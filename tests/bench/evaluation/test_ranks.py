from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from metaadapter.bench.evaluation.summary import MEAN, nemenyi_difference, of_records, rank_methods

METHODS = ("GDA", "LP++", "CLAP")


def figures(accuracy):
    """By set and shots, the mean accuracy of each method."""
    return of_records(
        [
            {"method": method, "store": store, "part": "all", "n_shot": n_shot}
            | {"metric": "accuracy", "mean": value, "half": 0.0, "n_draws": 2}
            for (store, n_shot), values in accuracy.items()
            for method, value in zip(METHODS, values, strict=True)
        ]
    )


ACCURACY = {
    ("pets", 1): (0.5, 0.4, 0.4),
    ("pets", 4): (0.6, 0.5, 0.7),
    ("cars", 1): (0.3, 0.2, 0.1),
    ("cars", 4): (0.3, 0.2, 0.1),
}


def test_rank_methods__ties_and_sets__are_worked_by_hand():
    result = rank_methods(figures(ACCURACY), METHODS, "all")

    assert result.by_set["pets"] == {"GDA": 1.5, "LP++": 2.75, "CLAP": 1.75}
    assert result.by_set["cars"] == {"GDA": 1, "LP++": 2, "CLAP": 3}
    assert result.mean == {"GDA": 1.25, "LP++": 2.375, "CLAP": 2.375}
    assert result.n_blocks == 4


@pytest.mark.parametrize(
    ("accuracy", "methods"),
    [(ACCURACY, (*METHODS, "failed")), ({**ACCURACY, (MEAN, 1): (0.1, 0.2, 0.3)}, METHODS)],
    ids=["a method without a figure", "the mean over sets"],
)
def test_rank_methods__what_is_no_block__is_left_out(accuracy, methods):
    expected = rank_methods(figures(ACCURACY), METHODS, "all")
    assert rank_methods(figures(accuracy), methods, "all") == expected


def test_rank_methods__p_value__is_friedmans_of_the_accuracies():
    result = rank_methods(figures(ACCURACY), METHODS, "all")

    expected = stats.friedmanchisquare(*np.array(list(ACCURACY.values())).T)
    assert result.friedman_p == pytest.approx(expected.pvalue)


@pytest.mark.parametrize(("n_methods", "q"), [(2, 1.960), (5, 2.728), (10, 3.164)])
def test_nemenyi_difference__is_that_of_demsars_table(n_methods, q):
    expected = q * (n_methods * (n_methods + 1) / (6 * 14)) ** 0.5

    assert nemenyi_difference(n_methods, 14) == pytest.approx(expected, rel=1e-3)
