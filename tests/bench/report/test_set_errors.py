from __future__ import annotations

import pandas as pd
import pytest

from metaadapter.bench.report.evaluation_run import EvaluationRun
from metaadapter.bench.report.set_errors import set_errors

OF = ("farm", "closed-form", 4)


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
