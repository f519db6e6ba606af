from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest
import torch

from episodes import EpisodeError, EpisodeSpec, Mixture, synthetic_source


def test_source__class_means__are_those_of_a_loop_and_zero_without_pictures(make_source):
    source = make_source([0, 0, 2, 2, 2, -1], n_views=2)

    means = source.class_means_CD

    for c in (0, 2):
        mean = source.features_nVD[source.labels_n == c].flatten(0, 1).mean(0)
        torch.testing.assert_close(means[c], mean / mean.norm())
    assert means[1].tolist() == [0] * 6


def test_source__large_means__are_zero_for_classes_of_fewer_than_ten_pictures(make_source):
    source = make_source([0] * 9 + [1] * 10)

    assert not source.large_means_CD[0].any()
    assert torch.equal(source.large_means_CD[1], source.class_means_CD[1])


def test_source__index__has_the_domains_and_no_unlabelled_pictures(make_source):
    assert make_source([0, -1, 1]).index.rows_n.tolist() == [0, 2]
    source = make_source([0, 0, 1], domains_n=torch.tensor([1, 0, 1]))
    assert source.index.counts_CM.tolist() == [[1, 1], [0, 1]]


def test_source__label_beyond_the_texts__names_the_source_and_the_label(make_source):
    with pytest.raises(EpisodeError, match=r"'birds' has text features of 2 classes.* label 2"):
        replace(make_source([0, 1]), labels_n=torch.tensor([0, 2]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        *(({"weight": w}, "weight must be above 0") for w in (0.0, -1.0, math.nan, math.inf)),
        ({"n_views": 0}, "needs at least one view of each picture"),
    ],
)
def test_source__that_cannot_be_drawn_from__is_refused(make_source, settings, message):
    with pytest.raises(EpisodeError, match=f"'birds'.* {message}"):
        make_source(**settings)


def test_source__moved__keeps_everything(make_source):
    source = make_source([0, 1], domains_n=torch.tensor([0, 1]), weight=2.0)

    moved = source.to("cpu")

    for field in fields(source):
        kept, given = getattr(moved, field.name), getattr(source, field.name)
        assert torch.equal(kept, given) if isinstance(given, torch.Tensor) else kept == given


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
