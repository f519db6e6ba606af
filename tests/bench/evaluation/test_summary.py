from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from metaadapter.bench.evaluation.summary import (
    BY_CLASS,
    MEAN,
    P_BY_CLASS,
    Estimate,
    differences,
    holm,
    means,
    nemenyi_difference,
    of_records,
    rank_methods,
    with_class_intervals,
)
from metaadapter.bench.evaluation.tables import TASK_COLUMNS, table


def rows(accuracies, n_shot=1):
    """Of methods and sets, the accuracies of as many draws; no other figure."""
    found = [
        {"method": method, "store": store, "n_shot": n_shot, "seed": seed}
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


METHODS = ("GDA", "LP++", "CLAP")


def figures(accuracy):
    """Figures with these accuracies: set and shots → one for each method."""
    return of_records(
        [
            {"method": method, "store": store, "n_shot": n_shot}
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
    result = rank_methods(figures(ACCURACY), METHODS)

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
    expected = rank_methods(figures(ACCURACY), METHODS)
    assert rank_methods(figures(accuracy), methods) == expected


def test_rank_methods__p_value__is_friedmans_of_the_accuracies():
    result = rank_methods(figures(ACCURACY), METHODS)

    expected = stats.friedmanchisquare(*np.array(list(ACCURACY.values())).T)
    assert result.friedman_p == pytest.approx(expected.pvalue)


@pytest.mark.parametrize(("n_methods", "q"), [(2, 1.960), (5, 2.728), (10, 3.164)])
def test_nemenyi_difference__is_that_of_demsars_table(n_methods, q):
    expected = q * (n_methods * (n_methods + 1) / (6 * 14)) ** 0.5

    assert nemenyi_difference(n_methods, 14) == pytest.approx(expected, rel=1e-3)


SETS = {"pets": {"ant": 8, "bee": 8, "cow": 4}, "cars": {"bus": 6, "van": 10}}


@pytest.fixture
def classes():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "method": method,
            "store": store,
            "n_shot": 4,
            "seed": seed,
            "class": name,
            "recall": rng.integers(0, asked + 1) / asked if asked else math.nan,
            "support": asked,
        }
        for method in ("mine", "theirs")
        for store, counts in SETS.items()
        for seed in range(3)
        for name, queries in counts.items()
        # In one draw a class is not asked about.
        for asked in [0 if (name, seed) == ("bus", 1) else queries]
    )


def some_differences(metric="accuracy"):
    return pd.DataFrame(
        {
            "method": "theirs",
            "n_shot": 4,
            "store": store,
            "metric": metric,
            "mean": 0.1,
        }
        for store in (*SETS, MEAN)
    )


def slow_variance(classes, store):
    """Cluster-robust variance of the difference of fractions, class by class."""
    right = {"mine": {}, "theirs": {}}
    asked = {}
    for row in classes[classes["store"] == store].itertuples():
        if row.support:
            hits = right[row.method]
            hits[row[5]] = hits.get(row[5], 0) + row.recall * row.support
            if row.method == "mine":
                asked[row[5]] = asked.get(row[5], 0) + row.support
    total = sum(asked.values())
    mean = sum(right["theirs"][c] - right["mine"][c] for c in asked) / total
    squares = [
        (right["theirs"][c] - right["mine"][c] - asked[c] * mean) ** 2 / total**2 for c in asked
    ]
    return len(asked) / (len(asked) - 1) * sum(squares)


def test_class_intervals__classes_of_different_sizes__are_those_of_a_slow_loop(classes):
    table = with_class_intervals(some_differences(), classes, "mine")
    halves = dict(zip(table["store"], table[BY_CLASS], strict=True))

    variances = {store: slow_variance(classes, store) for store in SETS}
    for store, counts in SETS.items():
        expected = stats.t.ppf(0.975, len(counts) - 1) * variances[store] ** 0.5
        assert halves[store] == pytest.approx(expected)
    total = sum(variances.values())
    freedom = total**2 / sum(v**2 / (len(SETS[store]) - 1) for store, v in variances.items())
    assert halves[MEAN] == pytest.approx(stats.t.ppf(0.975, freedom) * total**0.5 / 2)


def test_p_by_class__is_5_percent_where_the_interval_ends_at_zero(classes):
    table = with_class_intervals(some_differences(), classes, "mine")

    for row in table[table["store"] != MEAN].itertuples():
        of_store = classes[classes["store"] == row.store]
        right = of_store.assign(right=of_store["recall"].fillna(0) * of_store["support"])
        sums = right.groupby("method")[["right", "support"]].sum()
        fractions = sums["right"] / sums["support"]
        mean = fractions["theirs"] - fractions["mine"]
        is_outside = abs(mean) > row.half_by_class
        assert (row.p_by_class < 0.05) == is_outside
        freedom = len(SETS[row.store]) - 1
        deviation = row.half_by_class / stats.t.ppf(0.975, freedom)
        expected = 2 * stats.t.sf(abs(mean) / deviation, freedom)
        assert row.p_by_class == pytest.approx(expected)
    assert table[P_BY_CLASS].between(0, 1).all()


@pytest.mark.parametrize("seed", range(5))
def test_holm__random_p_values__reject_what_the_stepwise_procedure_rejects(seed):
    rng = np.random.default_rng(seed)
    p = dict(zip("abcdefg", rng.uniform(0, 0.06, 7).round(3).tolist(), strict=True))

    adjusted = holm(p)

    rejected = set()
    for place, name in enumerate(sorted(p, key=p.get)):
        if p[name] > 0.05 / (len(p) - place):
            break
        rejected.add(name)
    assert {name for name, value in adjusted.items() if value <= 0.05} == rejected
    assert all(adjusted[name] >= p[name] for name in p)
