from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from metaadapter.bench.report import findings as module
from metaadapter.bench.report.evaluation_run import EvaluationRun
from metaadapter.bench.report.findings import set_found

OF = ("farm", "closed-form", 4, "all")


@pytest.fixture(scope="module")
def run(finished):
    return EvaluationRun.read(finished)


def of_farm(finished, table):
    rows = pd.read_csv(finished / f"{table}.csv")
    return rows[(rows.store == "farm") & (rows.method == "closed-form") & (rows.n_shot == 4)]


def test_set_found__confusions__are_the_most_frequent_of_all_draws(finished, run):
    rows = of_farm(finished, "confusion")
    wrong = rows[rows.true != rows.predicted].sort_values("count", ascending=False)

    found = set_found(run, *OF)

    assert [each["n"] for each in found.confusions] == wrong["count"].head(6).tolist()
    assert all(each["n_true"] == 3 * 5 for each in found.confusions)
    assert sum(map(sum, found.counts)) == sum(found.n_true) == 3 * 4 * 5


def test_set_found__recalls__weigh_each_answer_alike(finished, run):
    rows = of_farm(finished, "classes")
    expected = (rows.recall * rows.support).groupby(rows["class"]).sum() / 15

    found = set_found(run, *OF)

    for each in (*found.hardest, *found.easiest):
        assert each["recall"] == pytest.approx(expected[each["name"]])
        assert each["n"] == 15
        assert each["zero_shot"] is not None
    assert [each["recall"] for each in (*found.hardest, *found.easiest[::-1])] == sorted(
        expected.tolist()
    )


def test_set_found__mistakes__show_each_picture_once_the_surest_first(finished, run):
    rows = of_farm(finished, "mistakes").sort_values("confidence", ascending=False)
    expected = rows.drop_duplicates("path").head(8)

    found = set_found(run, *OF)

    assert [each["path"] for each in found.mistakes] == expected.path.tolist()
    assert [each["confidence"] for each in found.mistakes] == expected.confidence.tolist()
    assert all(each["true"] != each["predicted"] for each in found.mistakes)


def test_set_found__many_classes_and_no_mistake__shows_the_first_by_name(run, monkeypatch):
    monkeypatch.setattr(module, "MOST_IN_MATRIX", 2)
    confusion = run.tables["confusion"]
    correct = confusion[confusion["true"] == confusion["predicted"]]
    flawless = replace(run, tables={**run.tables, "confusion": correct})

    found = set_found(flawless, *OF)

    assert found.confusions == ()
    assert found.classes == ("<cow> & calf", "bee")


def test_set_found__class_that_is_predicted_but_never_true__is_in_the_matrix(run):
    confusion = run.tables["confusion"]
    is_farm = (confusion["store"] == "farm") & (confusion["method"] == "closed-form")
    row = confusion[is_farm].head(1).assign(true="bee", predicted="elk", count=3)
    more = pd.concat([confusion, row.astype(confusion.dtypes)], ignore_index=True)

    found = set_found(replace(run, tables={**run.tables, "confusion": more}), *OF)

    assert found.classes == ("<cow> & calf", "bee", "dog", "elk", "n01440764 ant")
    assert found.counts[1][3] == 3
    assert found.n_true[3] == 0


def test_set_found__many_classes__shows_those_confused_most(run, monkeypatch):
    monkeypatch.setattr(module, "MOST_IN_MATRIX", 2)

    found = set_found(run, *OF)

    worst = found.confusions[0]
    assert set(found.classes) == {worst["true"], worst["predicted"]}
    assert found.n_classes == 4
    assert found.n_true == (15, 15)
