from __future__ import annotations

import pytest
import torch
from scipy.stats import chisquare

from episodes import EpisodeBatch, EpisodeSampler, EpisodeSpec, gather


def batch(**changes):
    parts = {
        "support_TNKD": torch.zeros(2, 3, 1, 4),
        "support_mask_TNK": torch.ones(2, 3, 1, dtype=torch.bool),
        "query_TQD": torch.zeros(2, 2, 4),
        "query_labels_TQ": torch.tensor([[0, 2], [1, -1]]),
        "text_TND": torch.zeros(2, 3, 4),
        "class_mask_TN": torch.tensor([[True, True, True], [True, True, False]]),
    }
    return EpisodeBatch(**(parts | changes))


def test_episode_batch__label_of_a_class_that_is_not_there__is_refused():
    message = "task 1: a query's label points at a class that is masked"
    with pytest.raises(ValueError, match=message):
        batch(query_labels_TQ=torch.tensor([[0, 2], [1, 2]]))


UNEQUAL = [0] * 7 + [1] * 2 + [2] * 4 + [3] * 12
SPEC = EpisodeSpec((2, 3), (1, 3), 2, imbalance=1.0)


@pytest.fixture
def drawn(make_source, draw):
    source = make_source(UNEQUAL, n_views=3)
    rows = EpisodeSampler(source.index, SPEC).draw(30, draw, twins=True, off_class=True)
    return source, rows


def require_look_up(result, rows, expected_of):
    """Each row of the result is the one of a look-up by hand, and zeros for padding."""
    flat = result.reshape(-1, result.shape[-1])
    for feature, row in zip(flat, rows.flatten().tolist(), strict=True):
        expected = torch.zeros_like(feature) if row < 0 else expected_of(row)
        assert torch.equal(feature, expected)


def test_gather__without_a_generator__is_the_look_up_by_hand(drawn):
    source, rows = drawn

    episodes = gather(rows, source)

    batch, first_view = episodes.batch, lambda row: source.features_nVD[row, 0]
    require_look_up(batch.support_TNKD, rows.support_TNK, first_view)
    require_look_up(batch.query_TQD, rows.query_TNQ, first_view)
    require_look_up(episodes.twin_TNKD, rows.twin_TNK, first_view)
    require_look_up(episodes.off_class_TOD, rows.off_class_TO, first_view)
    require_look_up(batch.text_TND, rows.classes_TN, lambda c: source.text_CD[c])
    require_look_up(episodes.class_means_TND, rows.classes_TN, lambda c: source.large_means_CD[c])
    assert torch.equal(batch.class_mask_TN, rows.classes_TN >= 0)
    assert torch.equal(batch.support_mask_TNK, rows.support_TNK >= 0)
    assert torch.equal(episodes.twin_mask_TNK, rows.twin_TNK >= 0)
    assert torch.equal(episodes.off_class_mask_TO, rows.off_class_TO >= 0)
    for task, labels in enumerate(batch.query_labels_TQ.tolist()):
        for row, label in zip(rows.query_TNQ[task].flatten().tolist(), labels, strict=True):
            if row < 0:
                assert label == -1
            else:
                assert rows.classes_TN[task, label] == UNEQUAL[row]
    assert (episodes.logit_scale, episodes.source) == (50.0, "birds")


def test_gather__with_a_generator__draws_every_view_equally_often(drawn, draw):
    source, _ = drawn
    rows = EpisodeSampler(source.index, SPEC).draw(300, draw)

    episodes = gather(rows, source, draw)

    drawn_TNKD = episodes.batch.support_TNKD
    is_view = (source.features_nVD[rows.support_TNK] == drawn_TNKD[..., None, :]).all(-1)
    views = is_view[rows.support_TNK >= 0].float().argmax(-1)
    assert chisquare(views.bincount().numpy()).pvalue > 0.01
    assert len(views.bincount()) == 3
