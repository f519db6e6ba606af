from __future__ import annotations

from dataclasses import fields

import pytest
import torch

from episodes import EpisodeError


def test_source__class_means__are_those_of_a_loop_and_zero_without_pictures(make_source):
    source = make_source([0, 0, 2, 2, 2, -1], n_views=2)

    means = source.class_means_CD

    for c in (0, 2):
        mean = source.features_nVD[source.labels_n == c].flatten(0, 1).mean(0)
        torch.testing.assert_close(means[c], mean / mean.norm())
    assert means[1].tolist() == [0] * 6


def test_source__unlabelled_pictures__are_not_indexed(make_source):
    assert make_source([0, -1, 1]).index.rows_n.tolist() == [0, 2]


def test_source__domains__are_indexed(make_source):
    source = make_source([0, 0, 1], domains_n=torch.tensor([1, 0, 1]))

    assert source.index.counts_CM.tolist() == [[1, 1], [0, 1]]


def test_source__label_beyond_the_texts__names_the_source_and_the_label(make_source):
    source = make_source([0, 1])

    with pytest.raises(EpisodeError, match=r"'birds' has text features of 2 classes.* label 2"):
        type(source)(
            name="birds",
            features_nVD=source.features_nVD,
            labels_n=torch.tensor([0, 2]),
            text_CD=source.text_CD,
            logit_scale=50.0,
        )


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_source__weight_that_is_none__is_refused(make_source, weight):
    with pytest.raises(EpisodeError, match="'birds': weight must be above 0"):
        make_source(weight=weight)


def test_source__no_view__is_refused(make_source):
    with pytest.raises(EpisodeError, match="'birds' needs at least one view of each picture"):
        make_source(n_views=0)


def test_source__moved__keeps_everything(make_source):
    source = make_source([0, 1], domains_n=torch.tensor([0, 1]), weight=2.0)

    moved = source.to("cpu")

    for field in fields(source):
        kept, given = getattr(moved, field.name), getattr(source, field.name)
        assert torch.equal(kept, given) if isinstance(given, torch.Tensor) else kept == given
