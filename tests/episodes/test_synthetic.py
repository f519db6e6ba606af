from __future__ import annotations

import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from episodes import EpisodeSpec, Mixture, gaussian_tasks, synthetic_source


def test_gaussian_tasks__rows__are_unit_and_labelled(draw):
    batch, _ = gaussian_tasks(3, 4, 2, 5, 16, generator=draw)

    assert batch.support_TNKD.shape == (3, 4, 2, 16)
    assert batch.query_TQD.shape == (3, 20, 16)
    for rows in (batch.support_TNKD, batch.query_TQD, batch.text_TND):
        torch.testing.assert_close(rows.norm(dim=-1), torch.ones(rows.shape[:-1]))


def test_gaussian_tasks__best_accuracy__is_what_many_shots_come_near(draw):
    batch, best = gaussian_tasks(1, 4, 3_000, 500, 12, generator=draw, separation=2.5)

    support, labels = batch.support_TNKD[0].flatten(0, 1), torch.arange(4).repeat_interleave(3_000)
    fitted = LinearDiscriminantAnalysis().fit(support.numpy(), labels.numpy())
    reached = fitted.score(batch.query_TQD[0].numpy(), batch.query_labels_TQ[0].numpy())

    assert 0.4 < best < 0.95
    assert abs(reached - best) < 0.03


def test_gaussian_tasks__further_apart__is_easier(draw):
    near, far = (
        gaussian_tasks(20, 5, 1, 20, 32, generator=draw, separation=s)[1] for s in (0.0, 6.0)
    )

    assert abs(near - 0.2) < 0.04
    assert far > 0.97


def test_gaussian_tasks__labels__go_with_the_support_and_the_text(draw):
    batch, _ = gaussian_tasks(
        10, 5, 16, 20, 32, generator=draw, separation=8.0, gap=0.0, text_noise=0.2
    )

    by_mean = (batch.query_TQD @ batch.support_TNKD.mean(2).mT).argmax(-1)
    by_text = (batch.query_TQD @ batch.text_TND.mT).argmax(-1)

    assert float((by_mean == batch.query_labels_TQ).float().mean()) > 0.9
    assert float((by_text == batch.query_labels_TQ).float().mean()) > 0.9


def test_gaussian_tasks__gap__puts_pictures_and_texts_in_two_cones(draw):
    batch, _ = gaussian_tasks(4, 5, 3, 5, 64, generator=draw, gap=1.0)

    pictures, texts = batch.query_TQD.flatten(0, 1), batch.text_TND.flatten(0, 1)

    assert float((pictures @ pictures.T).mean()) > 0.3
    assert float((texts @ texts.T).mean()) > 0.3
    assert float((pictures @ texts.T).mean()) < -0.2


@pytest.mark.parametrize(("decay", "low", "high"), [(0.0, 0.9, 1.0), (2.0, 0.0, 0.2)])
def test_gaussian_tasks__decay__narrows_where_pictures_vary(draw, decay, low, high):
    batch, _ = gaussian_tasks(
        1, 2, 2_000, 1, 16, generator=draw, spectrum_decay=decay, separation=0.0, gap=3.0
    )

    spectrum = torch.linalg.eigvalsh(batch.support_TNKD[0].flatten(0, 1).T.cov())
    effective = float(spectrum.sum() ** 2 / (spectrum**2).sum()) / 16

    assert low <= effective <= high


def test_synthetic_source__is_a_source_as_any_other(draw):
    source = synthetic_source(n_classes=6, n_pictures=8, width=10, generator=draw, weight=2.0)

    episodes = Mixture([source], EpisodeSpec((2, 6), (1, 3), 2)).draw(5, draw, twins=True)

    assert episodes.source == "synthetic"
    assert source.index.counts_C.tolist() == [8] * 6
    assert source.weight == 2.0
    torch.testing.assert_close(source.features_nVD.norm(dim=-1), torch.ones(48, 1))
