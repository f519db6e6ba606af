from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from metaadapter.bench.report import set_errors as module
from metaadapter.bench.report.evaluation_run import EvaluationRun
from metaadapter.bench.report.set_errors import set_errors

OF = ("farm", "closed-form", 4, "all")


@pytest.fixture(scope="module")
def run(finished):
    return EvaluationRun.read(finished)


def of_farm(finished, table):
    rows = pd.read_csv(finished / f"{table}.csv")
    return rows[(rows.store == "farm") & (rows.method == "closed-form") & (rows.n_shot == 4)]


def test_set_errors__confusions__are_the_most_frequent_of_all_draws(finished, run):
    rows = of_farm(finished, "confusion")
    wrong = rows[rows.true != rows.predicted].sort_values("count", ascending=False)

    errors = set_errors(run, *OF)

    assert [confusion["n"] for confusion in errors.confusions] == wrong["count"].head(6).tolist()
    assert all(confusion["n_true"] == 3 * 5 for confusion in errors.confusions)
    assert sum(map(sum, errors.counts)) == sum(errors.n_true) == 3 * 4 * 5


def test_set_errors__recalls__weigh_each_answer_alike(finished, run):
    rows = of_farm(finished, "classes")
    expected = (rows.recall * rows.support).groupby(rows["class"]).sum() / 15

    errors = set_errors(run, *OF)

    for of_class in (*errors.hardest, *errors.easiest):
        assert of_class["recall"] == pytest.approx(expected[of_class["name"]])
        assert of_class["n"] == 15
        assert of_class["zero_shot"] is not None
    assert [of_class["recall"] for of_class in (*errors.hardest, *errors.easiest[::-1])] == sorted(
        expected.tolist()
    )


def test_set_errors__mistakes__show_each_picture_once_the_surest_first(finished, run):
    rows = of_farm(finished, "mistakes").sort_values("confidence", ascending=False)
    expected = rows.drop_duplicates("path").head(8)

    errors = set_errors(run, *OF)

    assert [mistake["path"] for mistake in errors.mistakes] == expected.path.tolist()
    assert [mistake["confidence"] for mistake in errors.mistakes] == expected.confidence.tolist()
    assert all(mistake["true"] != mistake["predicted"] for mistake in errors.mistakes)


def test_set_errors__many_classes_and_no_mistake__shows_the_first_by_name(run, monkeypatch):
    monkeypatch.setattr(module, "MOST_IN_MATRIX", 2)
    confusion = run.tables["confusion"]
    correct = confusion[confusion["true"] == confusion["predicted"]]
    flawless = replace(run, tables={**run.tables, "confusion": correct})

    errors = set_errors(flawless, *OF)

    assert errors.confusions == ()
    assert errors.classes == ("<cow> & calf", "bee")


def test_set_errors__class_that_is_predicted_but_never_true__is_in_the_matrix(run):
    confusion = run.tables["confusion"]
    is_farm = (confusion["store"] == "farm") & (confusion["method"] == "closed-form")
    row = confusion[is_farm].head(1).assign(true="bee", predicted="elk", count=3)
    more = pd.concat([confusion, row.astype(confusion.dtypes)], ignore_index=True)

    errors = set_errors(replace(run, tables={**run.tables, "confusion": more}), *OF)

    assert errors.classes == ("<cow> & calf", "bee", "dog", "elk", "n01440764 ant")
    assert errors.counts[1][3] == 3
    assert errors.n_true[3] == 0


def test_set_errors__many_classes__shows_those_confused_most(run, monkeypatch):
    monkeypatch.setattr(module, "MOST_IN_MATRIX", 2)

    errors = set_errors(run, *OF)

    worst = errors.confusions[0]
    assert set(errors.classes) == {worst["true"], worst["predicted"]}
    assert errors.n_classes == 4
    assert errors.n_true == (15, 15)
