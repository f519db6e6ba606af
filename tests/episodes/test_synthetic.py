from __future__ import annotations

import pytest
import torch

from episodes import EpisodeSpec, Mixture, synthetic_source


def test_synthetic_source__labels__go_with_the_pictures_and_the_texts(draw):
    source = synthetic_source(n_classes=5, width=64, generator=draw, gap=0.0, text_noise=0.2)
    pictures = source.features_nVD[:, 0]

    for class_rows in (source.class_means_CD, source.text_CD):
        predicted = (pictures @ class_rows.T).argmax(-1)
        assert float((predicted == source.labels_n).float().mean()) > 0.6


def test_synthetic_source__gap__puts_pictures_and_texts_in_two_cones(draw):
    source = synthetic_source(n_classes=20, width=64, generator=draw, gap=1.0)
    pictures, texts = source.features_nVD[:, 0], source.text_CD

    assert float((pictures @ pictures.T).mean()) > 0.3
    assert float((texts @ texts.T).mean()) > 0.3
    assert float((pictures @ texts.T).mean()) < -0.2


@pytest.mark.parametrize(("decay", "low", "high"), [(0.0, 0.9, 1.0), (2.0, 0.0, 0.2)])
def test_synthetic_source__decay__narrows_where_pictures_vary(draw, decay, low, high):
    source = synthetic_source(
        n_classes=1, n_pictures=2_000, width=16, generator=draw, spectrum_decay=decay, gap=3.0
    )

    spectrum = torch.linalg.eigvalsh(source.features_nVD[:, 0].T.cov())
    effective = float(spectrum.sum() ** 2 / (spectrum**2).sum()) / 16

    assert low <= effective <= high


def test_synthetic_source__is_a_source_as_any_other(draw):
    source = synthetic_source(n_classes=6, n_pictures=8, width=10, generator=draw, weight=2.0)

    episodes = Mixture([source], EpisodeSpec((2, 6), (1, 3), 2)).draw(5, draw, twins=True)

    assert episodes.source == "synthetic"
    assert source.index.counts_C.tolist() == [8] * 6
    assert source.weight == 2.0
    torch.testing.assert_close(source.features_nVD.norm(dim=-1), torch.ones(48, 1))
