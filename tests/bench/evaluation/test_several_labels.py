"""Peers, draws and scores of several labels, against slow loops and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, precision_recall_curve

from metaadapter.adapter.support import Support
from metaadapter.bench.evaluation.several_bench import draw_several
from metaadapter.bench.peers.several_labels import SEVERAL_PEERS, SeveralMethod, predicted_adapter
from metaadapter.errors import DataError
from metaadapter.workflow.accuracy import best_f1, calibration_error, label_scores
from tests.several_tasks import MixedPictures


@pytest.fixture
def mixed() -> MixedPictures:
    return MixedPictures(n=160)


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


def test_a_draw_has_its_shots_and_no_query_in_the_support(mixed: MixedPictures) -> None:
    draw = draw_several("mixed", mixed.shows, 3, 4, seed=1)
    assert mixed.shows[draw.support][:, draw.ways].sum(0).min() >= 4
    assert not {*draw.support.tolist()} & {*draw.queries.tolist()}
    again = draw_several("mixed", mixed.shows, 3, 4, seed=1)
    np.testing.assert_array_equal(draw.queries, again.queries)
    with pytest.raises(DataError, match="fewer shots"):
        draw_several("mixed", mixed.shows, None, 500, seed=0)


@pytest.mark.parametrize("fit", [predicted_adapter, *SEVERAL_PEERS.values()])
def test_each_method_learns_mixed_pictures(mixed: MixedPictures, fit: SeveralMethod) -> None:
    draw = draw_several("mixed", mixed.shows, None, 12, seed=0)
    rows, texts = torch.from_numpy(mixed.rows).float(), torch.from_numpy(mixed.texts).float()
    labels = torch.from_numpy(mixed.shows[draw.support])
    support = Support.of_rows(rows[draw.support], labels, texts, logit_scale=30.0)
    p, threshold = fit(support, rows[draw.queries])
    shows = mixed.shows[draw.queries]
    assert p.shape == shows.shape
    assert ((p >= 0) & (p <= 1)).all()
    chance = 100 * shows.mean()
    assert label_scores(p, shows, threshold).mean_average_precision > chance + 15
