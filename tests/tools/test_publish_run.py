from __future__ import annotations

import numpy as np
import pytest

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.run import evaluate
from tools.publish_run import figures_of, main, one_set

METHOD = "ridge towards text"


@pytest.fixture
def store(make_store):
    return make_store("pets", {"ant": 9, "bee": 9, "cow": 9}, spread=0.8).folder


@pytest.fixture
def run(store, tmp_path):
    config = EvaluationConfig(
        stores=(str(store),), methods=(METHOD, "GDA"), shots=(1, 2), seeds=2, tasks=3, queries=4
    )
    return evaluate(config, tmp_path / "run", jobs=1).folder


def test_one_set__ridge_by_numpy__has_the_published_accuracies(run, store):
    published = one_set(run, store, METHOD)

    features, texts = published["features"].astype(float), published["texts"].astype(float)
    assert published["support"].shape == (6, 3, 2)
    assert published["queries"].shape == (6, 3, 4)
    for task, (ways, support, queries) in enumerate(
        zip(published["ways"], published["support"], published["queries"], strict=True)
    ):
        labels = published["labels"]
        assert (labels[support] == ways[:, None]).all()
        assert (labels[queries] == ways[:, None]).all()
        for place, n_shot in enumerate(published["shots"]):
            accuracy = by_numpy(features, texts[ways], support[:, :n_shot], queries)
            assert published["accuracy"][task, place] == pytest.approx(accuracy, abs=1e-4)


def by_numpy(features, texts, support, queries):
    def scaled(rows):
        length = np.sqrt((rows**2).sum(-1).mean())
        return rows / length, length

    labelled = features[support]
    centre = labelled.mean((0, 1))
    z, length = scaled(labelled.reshape(-1, features.shape[1]) - centre)
    prior = 0.5 * scaled(texts - texts.mean(0))[0]
    targets = np.eye(len(texts)).repeat(support.shape[1], axis=0)
    weights = prior + np.linalg.solve(z @ z.T + 0.5 * np.eye(len(z)), targets - z @ prior.T).T @ z
    scores = (features[queries] - centre) / length @ weights.T
    return (scores.argmax(-1) == np.arange(len(texts))[:, None]).mean()


def test_main__run_against_itself_and_against_another__ends_with_0_and_1(
    run, store, tmp_path, monkeypatch, capsys
):
    rows = tmp_path / "out" / "rows.csv.gz"
    publish = ["publish_run", str(run), str(store), "--method", METHOD, "--out", str(rows.parent)]
    check = ["publish_run", str(run), "--compare", str(rows)]

    monkeypatch.setattr("sys.argv", publish)
    assert main() == 0
    monkeypatch.setattr("sys.argv", check)
    assert main() == 0
    assert "0 of 4 mean accuracies differ" in capsys.readouterr().out
    assert (rows.parent / "pets.npz").exists()

    changed = figures_of(run)
    changed.loc[changed["method"] == "GDA", "accuracy"] -= 0.05
    changed.to_csv(rows, index=False)
    assert main() == 1
    assert "2 of 4 mean accuracies differ" in capsys.readouterr().out
