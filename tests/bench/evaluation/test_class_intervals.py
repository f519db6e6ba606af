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
    holm,
    with_class_intervals,
)

SETS = {"pets": {"ant": 8, "bee": 8, "cow": 4}, "cars": {"bus": 6, "van": 10}}


@pytest.fixture
def classes():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "method": method,
            "store": store,
            "part": "all",
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


def differences(metric="accuracy", part="all"):
    return pd.DataFrame(
        {
            "method": "theirs",
            "part": part,
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
            hits[row[6]] = hits.get(row[6], 0) + row.recall * row.support
            if row.method == "mine":
                asked[row[6]] = asked.get(row[6], 0) + row.support
    total = sum(asked.values())
    mean = sum(right["theirs"][c] - right["mine"][c] for c in asked) / total
    squares = [
        (right["theirs"][c] - right["mine"][c] - asked[c] * mean) ** 2 / total**2 for c in asked
    ]
    return len(asked) / (len(asked) - 1) * sum(squares)


def test_class_intervals__classes_of_different_sizes__are_those_of_a_slow_loop(classes):
    table = with_class_intervals(differences(), classes, "mine")
    halves = dict(zip(table["store"], table[BY_CLASS], strict=True))

    variances = {store: slow_variance(classes, store) for store in SETS}
    for store, counts in SETS.items():
        expected = stats.t.ppf(0.975, len(counts) - 1) * variances[store] ** 0.5
        assert halves[store] == pytest.approx(expected)
    total = sum(variances.values())
    freedom = total**2 / sum(v**2 / (len(SETS[store]) - 1) for store, v in variances.items())
    assert halves[MEAN] == pytest.approx(stats.t.ppf(0.975, freedom) * total**0.5 / 2)


def test_p_by_class__is_5_percent_where_the_interval_ends_at_zero(classes):
    table = with_class_intervals(differences(), classes, "mine")

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
