"""Findings of a report, compared with pandas and SciPy."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from scipy import stats

from metaadapter.bench.evaluation.summary import MEAN, P_BY_CLASS, holm, records
from metaadapter.bench.report.evaluation_run import EvaluationRun
from metaadapter.bench.report.findings import find
from metaadapter.bench.report.words import signed


@pytest.fixture(scope="module")
def rows(finished):
    return pd.read_csv(finished / "rows.csv")


def test_find__accuracy__is_as_pandas_has_it(result, rows):
    by_set = rows.groupby(["method", "n_shot", "store"]).accuracy.mean()

    assert list(result.accuracy) == [MEAN, "pets", "farm"]
    for method in result.methods:
        for n_shot in (1, 2, 4):
            expected = by_set[method, n_shot]
            assert result.accuracy[MEAN][method][n_shot].mean == pytest.approx(expected.mean())
            assert result.accuracy["farm"][method][n_shot].mean == pytest.approx(expected["farm"])


def test_find__gain__is_the_reference_less_the_other_by_draw(result, rows):
    wide = rows[rows.store == "pets"].pivot_table(
        index=["n_shot", "seed"], columns="method", values="accuracy"
    )
    difference = (wide["closed-form"] - wide["prototypes"]).loc[2]

    gain = result.gain["pets"]["prototypes"][2]

    test = stats.ttest_1samp(difference, 0).confidence_interval()
    assert gain.mean == pytest.approx(difference.mean())
    assert gain.mean + gain.half == pytest.approx(test.high)


def test_find__methods__stand_by_mean_rank_and_the_reference_is_featured_first(result, rows):
    accuracy = rows.groupby(["store", "n_shot", "method"]).accuracy.mean().unstack()
    ranks = accuracy.rank(axis=1, ascending=False).mean().sort_values()

    assert [ranks[method] for method in result.methods] == ranks.tolist()
    assert result.featured[0] == result.reference == "closed-form"
    assert "zero-shot" not in result.featured


def test_find__reliability__counts_each_answer_once(result, rows):
    for method, n_shot in (("zero-shot", 1), ("closed-form", 4)):
        bins = result.reliability[method][n_shot]
        mine = rows[(rows.method == method) & (rows.n_shot == n_shot)]

        assert sum(one["n"] for one in bins) == mine.n_query.sum()
        correct = sum(one["n"] * one["correct"] for one in bins)
        assert correct == pytest.approx((mine.accuracy * mine.n_query).sum())


def test_find__headline__speaks_of_every_number_of_shots_and_of_the_best_other_there(result):
    accuracy = result.accuracy[MEAN]
    others = [name for name in accuracy if name != "closed-form"]
    own = [f"{100 * accuracy['closed-form'][n].mean:.1f}" for n in (1, 2, 4)]

    ahead, better = 0, {}
    for n_shot in (1, 2, 4):
        best = max(others, key=lambda name, n=n_shot: accuracy[name][n].mean)
        shots = "shot" if n_shot == 1 else "shots"
        gain = result.gain_by_class[MEAN][best][n_shot]
        assert f"{signed(gain)} ({n_shot} {shots}, {best})" in result.headline
        gains = {name: result.gain_by_class[MEAN][name][n_shot].mean for name in others}
        p = {name: result.p_by_class[MEAN][name][n_shot] for name in others}
        ahead += all(gains[name] > 0 and p[name] < 0.05 for name in others)
        for name in others:
            if gains[name] < 0 and p[name] < 0.05:
                better.setdefault(name, []).append(n_shot)
    assert result.headline.startswith(
        "With 1, 2 and 4 labelled pictures a class, closed-form is correct on "
        f"{own[0]}, {own[1]} and {own[2]} % of the pictures it has not seen."
    )
    assert f"ahead of all other methods at {ahead or 'none'} of 3 numbers of shots" in (
        result.headline
    )
    tests = "By tests over classes at 5 %, for all methods together, it is ahead of"
    assert tests in result.headline
    ending = result.headline.split(", and behind ")[1]
    assert all(name in ending for name in better)
    assert bool(better) is ("none of them" not in ending)


def test_find__p_by_class__is_holms_over_the_other_methods_at_each_number_of_shots(
    result, finished
):
    table = EvaluationRun.read(finished).figures("differences")
    for n_shot in (1, 2, 4):
        rows = table[(table["store"] == MEAN) & (table["n_shot"] == n_shot)]
        rows = rows[rows["metric"] == "accuracy"]
        expected = holm(dict(zip(rows["method"], rows[P_BY_CLASS], strict=True)))
        assert {name: p[n_shot] for name, p in result.p_by_class[MEAN].items()} == expected


@pytest.mark.parametrize("own", ["mine.py:f", "default"])
def test_find__headline__method_that_is_no_peer_and_ahead__is_named(finished, own):
    """The means of GDA, 20 points better at one shot, under a name that is no peer's."""
    run = EvaluationRun.read(finished)
    tables = []
    for table, more in ((run.figures("means"), 0.9), (run.figures("differences"), 0.2)):
        copy = table[(table["method"] == "GDA") & (table["n_shot"] == 1)].assign(method=own)
        is_accuracy = copy["metric"] == "accuracy"
        copy.loc[is_accuracy, "mean"] = more
        copy.loc[is_accuracy, [name for name in copy if name.startswith("half")]] = 0.1
        copy.loc[is_accuracy, P_BY_CLASS] = 0.001
        tables.append(records(pd.concat([table, copy], ignore_index=True)))
    config = run.config.model_copy(update={"methods": (*run.config.methods, own)})

    summary = {**run.summary, "means": tables[0], "differences": tables[1]}
    headline = find(replace(run, config=config, summary=summary)).headline

    assert f"is −20.0 ± 10.0 (1 shot, {own})" in headline
    assert f"{own} (1 shot)" in headline.split(", and behind ")[1]
