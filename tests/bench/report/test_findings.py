"""Findings of a report, compared with pandas and SciPy."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.evaluation.summary import MEAN, P_BY_CLASS, holm, records
from metaadapter.bench.report.evaluation_run import EvaluationRun
from metaadapter.bench.report.evaluation_views import markdown, overview, page
from metaadapter.bench.report.findings import find
from metaadapter.bench.report.words import signed
from metaadapter.bench.run import evaluate


@pytest.fixture(scope="module")
def rows(finished):
    return pd.read_csv(finished / "rows.csv")


def test_find__accuracy__is_as_pandas_has_it(result, rows):
    (part,) = result.parts
    by_set = rows.groupby(["method", "n_shot", "store"]).accuracy.mean()

    assert list(part.accuracy) == [MEAN, "pets", "farm"]
    for method in result.methods:
        for n_shot in (1, 2, 4):
            expected = by_set[method, n_shot]
            assert part.accuracy[MEAN][method][n_shot].mean == pytest.approx(expected.mean())
            assert part.accuracy["farm"][method][n_shot].mean == pytest.approx(expected["farm"])


def test_find__gain__is_the_reference_less_the_other_by_draw(result, rows):
    wide = rows[rows.store == "pets"].pivot_table(
        index=["n_shot", "seed"], columns="method", values="accuracy"
    )
    difference = (wide["closed-form"] - wide["prototypes"]).loc[2]

    gain = result.parts[0].gain["pets"]["prototypes"][2]

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
    (part,) = result.parts
    accuracy = part.accuracy[MEAN]
    others = [name for name in accuracy if name != "closed-form"]
    own = [f"{100 * accuracy['closed-form'][n].mean:.1f}" for n in (1, 2, 4)]

    ahead, better = 0, {}
    for n_shot in (1, 2, 4):
        best = max(others, key=lambda name, n=n_shot: accuracy[name][n].mean)
        shots = "shot" if n_shot == 1 else "shots"
        gain = part.gain_by_class[MEAN][best][n_shot]
        assert f"{signed(gain)} ({n_shot} {shots}, {best})" in result.headline
        gains = {name: part.gain_by_class[MEAN][name][n_shot].mean for name in others}
        p = {name: part.p_by_class[MEAN][name][n_shot] for name in others}
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
    (part,) = result.parts
    table = EvaluationRun.read(finished).figures("differences")
    for n_shot in (1, 2, 4):
        rows = table[(table["store"] == MEAN) & (table["n_shot"] == n_shot)]
        rows = rows[rows["metric"] == "accuracy"]
        expected = holm(dict(zip(rows["method"], rows[P_BY_CLASS], strict=True)))
        assert {name: p[n_shot] for name, p in part.p_by_class[MEAN].items()} == expected


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


@pytest.fixture(scope="module")
def harmed(report_of):
    """Pictures say nothing of their classes, because they lie so far from the texts of these."""
    methods = ("prototypes", "zero-shot", "text + mean")
    return report_of(("ant", "bee", "cow"), 30, spread=6.0, methods=methods, seeds=4, tasks=20)


def test_below_names__are_those_whose_paired_interval_is_below_zero(finished, result):
    rows = pd.read_csv(finished / "rows.csv")
    wide = rows.pivot_table(index=["store", "n_shot", "seed"], columns="method", values="accuracy")

    expected = {}
    for (store, n_shot), of_shot in wide.groupby(["store", "n_shot"]):
        for method in set(wide) - {"zero-shot"}:
            less = of_shot[method] - of_shot["zero-shot"]
            half = stats.t.ppf(0.975, len(less) - 1) * less.std() / len(less) ** 0.5
            if less.mean() + half < 0:
                expected.setdefault((method, store), {})[n_shot] = less.mean()

    named = {
        (finding.method, finding.set): {n: e.mean for n, e in finding.difference.items()}
        for finding in result.below_names
    }
    assert named.keys() == expected.keys()
    assert expected
    for key, by_shots in named.items():
        assert by_shots == pytest.approx(expected[key])
        assert np.all(np.array([*by_shots.values()]) < 0)


def test_report__method_below_the_names__is_named_with_both_figures(harmed):
    (finding,) = [one for one in harmed.below_names if one.method == harmed.reference]
    accuracy = harmed.parts[0].accuracy["pets"]

    own, names = (100 * accuracy[method][1].mean for method in ("prototypes", "zero-shot"))
    sentence = (
        "prototypes falls below the class names alone on pets at 1 shot: "
        f"{own:.1f} against {names:.1f} %"
    )
    assert finding.sentence.startswith(sentence)
    assert harmed.headline.endswith(finding.sentence)
    for text in (markdown(harmed), "\n".join(overview(harmed)), page(harmed, {})):
        assert sentence in text


COUNTS = dict.fromkeys(("ant", "bee", "cow"), 8)


@pytest.fixture(scope="module")
def run(store_in, tmp_path_factory):
    """Two domains of the same classes, whose pictures lie around unlike texts."""
    folder = tmp_path_factory.mktemp("domains")
    photos, drawings = (
        str(
            store_in(
                folder,
                name,
                COUNTS,
                spread=1.0,
                seed=seed,
                path=[f"{name} {number}.png" for number in range(24)],
            ).folder
        )
        for seed, name in enumerate(("photos", "drawings"))
    )
    config = EvaluationConfig(
        stores=((photos, drawings), drawings, (drawings, photos)),
        methods=("prototypes", "zero-shot"),
        shots=(1, 2),
        ways=2,
        seeds=3,
        tasks=3,
    )
    evaluate(config, folder / "run")
    return folder / "run"


def test_across__beside_the_domain_of_the_queries__has_both_and_welchs_interval(run):
    rows = pd.read_csv(run / "rows.csv")

    records = json.loads((run / "summary.json").read_bytes())["across"]

    assert [(row["method"], row["n_shot"]) for row in records] == [
        (method, n_shot) for n_shot in (1, 2) for method in ("prototypes", "zero-shot")
    ]
    for row in records:
        assert (row["store"], row["domain"], row["part"]) == ("photos@drawings", "drawings", "all")
        mine = rows[(rows.method == row["method"]) & (rows.n_shot == row["n_shot"])]
        across, within = (
            mine[mine.store == name].accuracy for name in ("photos@drawings", "drawings")
        )
        assert row["in_domain"] == pytest.approx(within.mean())
        assert row["across"] == pytest.approx(across.mean())
        assert row["difference"] == pytest.approx(across.mean() - within.mean())
        interval = stats.ttest_ind(across, within, equal_var=False).confidence_interval()
        assert row["difference"] + row["half"] == pytest.approx(interval.high)


def test_report__two_domains__shows_both_accuracies_and_the_difference(run):
    result = find(EvaluationRun.read(run))

    (loss,) = result.domain_losses
    assert (loss.set, loss.domain) == ("photos@drawings", "drawings")
    in_domain, across = (table["prototypes"][2] for table in (loss.in_domain, loss.across))
    cell = f"{100 * in_domain:.1f} → {100 * across:.1f} ("
    assert in_domain > across
    for text in (markdown(result), "\n".join(overview(result)), page(result, {})):
        assert cell in text
