from __future__ import annotations

import json

import pandas as pd
import pytest

from metaadapter.bench.evaluation.own_metrics import load_metrics
from metaadapter.bench.evaluation.run import evaluate
from metaadapter.errors import UsageError

MINE = """\
import numpy as np

def top_2(probabilities, labels):
    best = np.argsort(-probabilities, axis=1)[:, :2]
    return (best == labels[:, None]).any(1).mean()

def own_accuracy(probabilities, labels):
    assert np.allclose(probabilities.sum(1), 1)
    return (probabilities.argmax(1) == labels).mean()

def broken(probabilities, labels):
    raise RuntimeError("no such thing")

def text(probabilities, labels):
    return "much"

def accuracy(probabilities, labels):
    return 1.0

def endless(probabilities, labels):
    return float("inf")

def undefined(probabilities, labels):
    return float("nan")
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "metric.py"
    path.write_text(MINE)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.timeout(120))])
def test_own_metric__stands_beside_the_others_for_each_task(mine, pets, ask, tmp_path, jobs):
    names = (f"{mine}:own_accuracy", f"{mine}:top_2")

    evaluate(ask(pets, metrics=names, tasks=2, ways=3), tmp_path / "run", jobs=jobs)

    rows = pd.read_csv(tmp_path / "run" / "rows.csv")
    assert rows["own_accuracy"].tolist() == pytest.approx(rows["accuracy"].tolist())
    assert (rows["top_2"] >= rows["accuracy"]).all()
    assert (rows["top_2"] > rows["accuracy"]).any()
    means = json.loads((tmp_path / "run" / "summary.json").read_bytes())["means"]
    mean = {(row["method"], row["n_shot"], row["metric"]): row["mean"] for row in means}
    of_cell = rows[(rows["method"] == "zero-shot") & (rows["n_shot"] == 1)]
    assert mean["zero-shot", 1, "top_2"] == pytest.approx(of_cell["top_2"].mean())


def test_own_metric__of_halves_or_unknown_classes__is_of_their_queries(mine, pets, ask, tmp_path):
    for number, changes in enumerate(({"base_to_new": True}, {"unknown": 0.25})):
        run = tmp_path / str(number)
        evaluate(ask(pets, metrics=(f"{mine}:own_accuracy",), **changes), run)

        rows = pd.read_csv(run / "rows.csv")
        judged = rows[rows["part"] != "harmonic"]
        assert judged["own_accuracy"].tolist() == pytest.approx(judged["accuracy"].tolist())


def test_own_metric__changed_or_added__has_all_cells_measured_again(mine, pets, ask, tmp_path):
    notes = []
    config = ask(pets, metrics=(f"{mine}:top_2",))
    evaluate(ask(pets), tmp_path / "run")
    assert evaluate(config, tmp_path / "run", note=notes.append).n_measured == 8
    assert evaluate(config, tmp_path / "run", note=notes.append).n_measured == 0
    mine.write_text(MINE.replace(":2]", ":3]"))

    result = evaluate(config, tmp_path / "run", note=notes.append)

    assert result.n_measured == 8
    reason = "the program that draws, fits, answers and scores has changed: 8 cells are measured"
    assert notes == [f"{reason} again"] * 2


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        (("broken",), r"metric '.*:broken' failed on 28 queries of 4 classes: RuntimeError: no"),
        (("text",), r"metric '.*:text' failed on .*ValueError"),
        (("endless",), r"metric '.*:endless' failed on .* it returned inf; return .* NaN if"),
        (("missing",), "has no 'missing'"),
        (("np",), "must be a function of probabilities and classes"),
        (("accuracy",), "another metric or column is called 'accuracy'"),
        (("top_2", "top_2"), "another metric or column is called 'top_2'"),
    ],
)
def test_own_metric__that_does_not_work__is_told(functions, message, mine, pets, ask, tmp_path):
    names = tuple(f"{mine}:{function}" for function in functions)

    with pytest.raises(UsageError, match=message):
        evaluate(ask(pets, metrics=names), tmp_path / "run")


def test_own_metric__nan__is_undefined_and_null(mine, pets, ask, tmp_path):
    evaluate(ask(pets, metrics=(f"{mine}:undefined",)), tmp_path / "run")

    text = (tmp_path / "run" / "summary.json").read_text()
    assert "NaN" not in text
    assert "undefined" not in {row["metric"] for row in json.loads(text)["means"]}
    assert pd.read_csv(tmp_path / "run" / "rows.csv")["undefined"].isna().all()


def test_load_metrics__name_without_a_file__says_what_is_expected():
    with pytest.raises(UsageError, match=r"metric 'top_5': expected FILE\.py:FUNCTION"):
        load_metrics(["top_5"])
