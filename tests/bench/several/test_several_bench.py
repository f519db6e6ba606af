"""Peers, draws and scores of several labels, against slow loops and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, precision_recall_curve

from metaadapter.bench.evaluation.method_names import METHODS_OF_SEVERAL
from metaadapter.bench.several.methods import METHODS, ml_knn
from metaadapter.bench.several.tasks import SeveralSet, SeveralTask, draw_task
from metaadapter.errors import DataError
from metaadapter.workflow.accuracy import best_f1, calibration_error, label_scores
from tests.several_tasks import CLASSES, MixedPictures


@pytest.fixture
def mixed() -> SeveralSet:
    made = MixedPictures(n=160)
    return SeveralSet("mixed", (), CLASSES, made.rows, made.shows, made.texts, 30.0)


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
    assert mixed.shows_NC[draw.support][:, draw.ways].sum(0).min() >= 4
    assert not {*draw.support.tolist()} & {*draw.queries.tolist()}
    again = draw_task(mixed, 3, 4, seed=1)
    np.testing.assert_array_equal(draw.queries, again.queries)
    with pytest.raises(DataError, match="fewer shots"):
        draw_task(mixed, None, 500, seed=0)


@pytest.mark.parametrize("name", METHODS)
def test_each_method_learns_mixed_pictures(mixed: SeveralSet, name: str) -> None:
    task = SeveralTask.of(mixed, draw_task(mixed, None, 12, seed=0))
    p, threshold = METHODS[name](task, torch.device("cpu"))
    assert p.shape == task.shows_QC.shape
    assert ((p >= 0) & (p <= 1)).all()
    chance = 100 * task.shows_QC.mean()
    assert label_scores(p, task.shows_QC, threshold).mean_average_precision > chance + 15


def test_the_methods_of_a_configuration_are_those_that_there_are() -> None:
    assert tuple(METHODS) == METHODS_OF_SEVERAL
