"""Peers, draws and scores of several labels, against slow loops and scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, precision_recall_curve

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.several import measure
from metaadapter.bench.several.measure import SeveralScores, evaluate_several
from metaadapter.bench.several.methods import METHODS, ml_knn
from metaadapter.bench.several.tasks import SeveralSet, draw_task
from metaadapter.errors import DataError
from metaadapter.workflow.accuracy import best_f1, calibration_error, label_scores
from tests.several_tasks import CLASSES, MixedPictures

CPU = torch.device("cpu")


@pytest.fixture
def mixed() -> SeveralSet:
    made = MixedPictures(n=160)
    return SeveralSet("mixed", "as made", CLASSES, made.rows, made.shows, made.texts, 30.0, ())


def test_ml_knn_is_the_slow_loop_of_the_paper() -> None:
    made, k, s = MixedPictures(n=30), 5, 1.0
    rows, shows, queries = made.rows[:22], made.shows[:22], made.rows[22:]
    wanted = np.empty((len(queries), 4))
    for c in range(4):
        prior = (s + shows[:, c].sum()) / (2 * s + len(rows))
        counts, otherwise = np.zeros(k + 1), np.zeros(k + 1)
        for i in range(len(rows)):
            others = [j for j in range(len(rows)) if j != i]
            near = sorted(others, key=lambda j: np.linalg.norm(rows[j] - rows[i]))[:k]
            delta = sum(shows[j, c] for j in near)
            (counts if shows[i, c] else otherwise)[delta] += 1
        for q, query in enumerate(queries):
            near = sorted(range(len(rows)), key=lambda j: np.linalg.norm(rows[j] - query))[:k]
            delta = sum(shows[j, c] for j in near)
            yes = prior * (s + counts[delta]) / (s * (k + 1) + counts.sum())
            no = (1 - prior) * (s + otherwise[delta]) / (s * (k + 1) + otherwise.sum())
            wanted[q, c] = yes / (yes + no)
    np.testing.assert_allclose(ml_knn(rows, shows, queries, k, s), wanted)


def test_scores_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    shows = rng.random((80, 3)) < 0.3
    p = np.round(np.clip(0.3 * shows + 0.6 * rng.random(shows.shape), 0, 1), 2)
    threshold = np.array([0.3, 0.5, 0.7])
    scores = label_scores(p, shows, threshold)
    answer = p >= threshold
    assert scores.f1 == pytest.approx(100 * f1_score(shows, answer, average="macro"))
    for c in range(3):
        precision, recall, _ = precision_recall_curve(shows[:, c], p[:, c])
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        assert best_f1(p[:, c], shows[:, c]) == pytest.approx(f1.max())
    assert calibration_error(np.full(10, 0.4), np.arange(10) < 4) == pytest.approx(0, abs=1e-9)
    assert calibration_error(np.full(10, 0.9), np.arange(10) < 4) == pytest.approx(50)


def test_a_draw_has_its_shots_and_no_query_in_the_support(mixed: SeveralSet) -> None:
    draw = draw_task(mixed, 3, 4, seed=1)
    assert draw.task.shows_NC.sum(0).min() >= 4
    support = {row.tobytes() for row in draw.task.rows_ND}
    assert not support & {row.tobytes() for row in draw.queries_QD}
    again = draw_task(mixed, 3, 4, seed=1)
    np.testing.assert_array_equal(draw.queries_QD, again.queries_QD)
    with pytest.raises(DataError, match="fewer shots"):
        draw_task(mixed, None, 500, seed=0)


@pytest.mark.parametrize("name", METHODS)
def test_each_method_learns_mixed_pictures(mixed: SeveralSet, name: str) -> None:
    draw = draw_task(mixed, None, 12, seed=0)
    p, threshold = METHODS[name](draw.task, draw.queries_QD, CPU)
    assert p.shape == draw.shows_QC.shape
    assert ((p >= 0) & (p <= 1)).all()
    chance = 100 * draw.shows_QC.mean()
    assert label_scores(p, draw.shows_QC, threshold).mean_average_precision > chance + 15


@pytest.fixture
def evaluate(mixed: SeveralSet, tmp_path: Path) -> Callable[..., SeveralScores]:
    """An evaluation of ML-KNN, or of `methods`, at 2 and 4 shots, into one folder."""

    def run(data: SeveralSet = mixed, **changes: Any) -> SeveralScores:
        values = {"stores": ("mixed",), "methods": ("ml-knn",), "shots": (2, 4), "seeds": 3}
        config = EvaluationConfig(**values | changes)
        return evaluate_several(config, [data], tmp_path / "run", device=CPU)

    return run


def test_means_are_those_over_the_seeds(
    evaluate: Callable[..., SeveralScores], mixed: SeveralSet
) -> None:
    result = evaluate()
    assert result.n_measured == len(result.scores) == 6
    f1 = []
    for seed in range(3):
        draw = draw_task(mixed, None, 2, seed)
        p, threshold = METHODS["ml-knn"](draw.task, draw.queries_QD, CPU)
        f1.append(label_scores(p, draw.shows_QC, threshold).f1)
    assert result.means["f1"][0] == pytest.approx(np.mean(f1))


def test_an_interrupted_evaluation_continues_where_it_stopped(
    evaluate: Callable[..., SeveralScores], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(range(4))

    def stops(draw_data: SeveralSet, *more: Any) -> Any:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return draw_task(draw_data, *more)

    with monkeypatch.context() as patch:
        patch.setattr(measure, "code_identity", lambda *_code: "the same code")
        patch.setattr(measure, "draw_task", stops)
        with pytest.raises(KeyboardInterrupt):
            evaluate()
        patch.setattr(measure, "draw_task", draw_task)
        again = evaluate()
        assert again.n_measured == 2
        assert evaluate().n_measured == 0
        more = evaluate(seeds=4, methods=("ml-knn", "zero-shot-sigmoid"))
    assert more.n_measured == 2 + 8
    of_knn = more.scores[(more.scores["method"] == "ml-knn") & (more.scores["seed"] < 3)]
    assert of_knn["f1"].tolist() == again.scores["f1"].tolist()
