from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from metaadapter.evaluation.summary import MEAN, collect, differences, means

FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "nll", "brier", "ece", "unknown_auroc")


def rows(method, store, accuracies, n_shot=1):
    empty = dict.fromkeys((*FIGURES, "fit_seconds", "predict_seconds"))
    head = {"method": method, "store": store, "part": "all", "n_shot": n_shot}
    return [{**empty, **head, "accuracy": accuracy} for accuracy in accuracies]


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    hard = rng.normal(0.6, 0.1, (2, 8))
    easy = rng.normal(0.8, 0.02, (2, 5))
    return collect(
        rows("GDA", "hard", hard[0])
        + rows("LP++", "hard", 0.02 + 0.9 * hard[0] + 0.1 * hard[1])
        + rows("GDA", "easy", easy[0])
        + rows("LP++", "easy", easy[1])
        + rows("CLAP", "easy", easy[1])
    )


def one(figures, **wanted):
    (found,) = [
        figure
        for figure in figures
        if all(getattr(figure, name) == value for name, value in wanted.items())
    ]
    return found


def test_means__of_a_set__are_students(samples):
    found = one(means(samples), method="GDA", store="hard")

    values = samples["GDA", "hard", "all", 1]["accuracy"]
    low, high = stats.t.interval(0.95, 7, loc=values.mean(), scale=stats.sem(values))
    assert found.estimate.mean - found.estimate.half == pytest.approx(low)
    assert found.estimate.mean + found.estimate.half == pytest.approx(high)
    assert (found.metric, found.n_draws) == ("accuracy", 8)


def test_means__over_sets__weigh_sets_alike_and_need_all(samples):
    found = means(samples)

    of_sets = [one(found, method="GDA", store=store).estimate.mean for store in ("hard", "easy")]
    assert one(found, method="GDA", store=MEAN).estimate.mean == pytest.approx(np.mean(of_sets))
    assert {each.method for each in found if each.store == MEAN} == {"GDA", "LP++"}


def test_differences__are_paired(samples):
    found = one(differences(samples, "GDA"), method="LP++", store="hard")

    pair = [samples[name, "hard", "all", 1]["accuracy"] for name in ("LP++", "GDA")]
    interval = stats.ttest_rel(*pair).confidence_interval(0.95)
    assert found.estimate.mean - found.estimate.half == pytest.approx(interval.low)
    assert found.estimate.mean + found.estimate.half == pytest.approx(interval.high)


def test_means__of_one_draw__have_no_interval():
    found = one(means(collect(rows("GDA", "hard", [0.5]))), metric="accuracy")

    assert found.to_dict()["mean"] == 0.5
    assert found.to_dict()["half"] is None
