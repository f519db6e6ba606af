from __future__ import annotations

import math

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


def test_source__index__has_the_domains_and_no_unlabelled_pictures(make_source):
    assert make_source([0, -1, 1]).index.rows_n.tolist() == [0, 2]
    source = make_source([0, 0, 1], domains_n=torch.tensor([1, 0, 1]))
    assert source.index.counts_CM.tolist() == [[1, 1], [0, 1]]


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
