from __future__ import annotations

import json

import pandas as pd
import pytest

from metaadapter.bench.run import evaluate
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


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        (("broken",), r"metric '.*:broken' failed on 28 queries of 4 classes: RuntimeError: no"),
        (("text",), r"metric '.*:text' failed on .*ValueError"),
        (("np",), "must be a function of probabilities and classes"),
        (("accuracy",), "another metric or column is called 'accuracy'"),
    ],
)
def test_own_metric__that_does_not_work__is_told(functions, message, mine, pets, ask, tmp_path):
    names = tuple(f"{mine}:{function}" for function in functions)

    with pytest.raises(UsageError, match=message):
        evaluate(ask(pets, metrics=names), tmp_path / "run")
