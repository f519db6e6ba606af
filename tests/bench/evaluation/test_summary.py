from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from metaadapter.bench.evaluation.summary import MEAN, differences, means
from metaadapter.bench.evaluation.tables import TASK_COLUMNS, table


def rows(accuracies, n_shot=1):
    """Of methods and sets, the accuracies of as many draws; no other figure."""
    found = [
        {"method": method, "store": store, "part": "all", "n_shot": n_shot, "seed": seed}
        | {"task": 0, "accuracy": accuracy}
        for (method, store), values in accuracies.items()
        for seed, accuracy in enumerate(values)
    ]
    return table({name: [row.get(name) for row in found] for name in TASK_COLUMNS})


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    hard = rng.normal(0.6, 0.1, (2, 8))
    easy = rng.normal(0.8, 0.02, (2, 5))
    return {
        ("GDA", "hard"): hard[0],
        ("LP++", "hard"): 0.02 + 0.9 * hard[0] + 0.1 * hard[1],
        ("GDA", "easy"): easy[0],
        ("LP++", "easy"): easy[1],
        ("CLAP", "easy"): easy[1],
    }


def one(figures, **wanted):
    (found,) = [
        figure
        for figure in figures.itertuples()
        if all(getattr(figure, name) == value for name, value in wanted.items())
    ]
    return found


def test_means__of_a_set__are_students(samples):
    found = one(means(rows(samples)), method="GDA", store="hard")

    values = samples["GDA", "hard"]
    low, high = stats.t.interval(0.95, 7, loc=values.mean(), scale=stats.sem(values))
    assert found.mean - found.half == pytest.approx(low)
    assert found.mean + found.half == pytest.approx(high)
    assert (found.metric, found.n_draws) == ("accuracy", 8)


def test_means__over_sets__weigh_sets_alike_and_need_all(samples):
    found = means(rows(samples))

    of_sets = [one(found, method="GDA", store=store).mean for store in ("hard", "easy")]
    assert one(found, method="GDA", store=MEAN).mean == pytest.approx(np.mean(of_sets))
    assert set(found[found["store"] == MEAN]["method"]) == {"GDA", "LP++"}


def test_differences__are_paired(samples):
    found = one(differences(rows(samples), "GDA"), method="LP++", store="hard")

    pair = [samples[name, "hard"] for name in ("LP++", "GDA")]
    interval = stats.ttest_rel(*pair).confidence_interval(0.95)
    assert found.mean - found.half == pytest.approx(interval.low)
    assert found.mean + found.half == pytest.approx(interval.high)
