from __future__ import annotations

import pytest
import torch

from episodes import EpisodeError, LabelIndex, nested_draws

LABELS = [0] * 30 + [1] * 12 + [2] * 9 + [3] * 8
SHOTS = (1, 2, 4, 8)


def test_nested_draws__tasks__are_sound_and_every_class_has_all_shots(require_sound):
    rows = nested_draws(LabelIndex.from_labels(LABELS), SHOTS, 6, 40, 20, seed=0)

    assert require_sound(rows, LABELS) > 0
    assert rows.support_TNK.shape == (40, 3, 8)
    assert (rows.support_TNK >= 0).all()
    assert set(rows.classes_TN.flatten().tolist()) == {0, 1, 2}
    # A class with few pictures left has fewer queries.
    n_queries = (rows.query_TNQ >= 0).sum(2)
    for label, n_left in enumerate((6, 4, 1)):
        assert n_queries[rows.classes_TN == label].unique().tolist() == [n_left]


def test_nested_draws__fewer_shots__are_the_first_of_more_with_the_same_queries():
    rows = nested_draws(LabelIndex.from_labels(LABELS), SHOTS, 6, 5, 20, seed=0)

    two, four = rows.first(2), rows.first(4)

    assert torch.equal(two.support_TNK, four.support_TNK[..., :2])
    assert torch.equal(two.query_TNQ, four.query_TNQ)


def test_nested_draws__seed__decides():
    index = LabelIndex.from_labels(LABELS)

    first, again, other = (nested_draws(index, SHOTS, 6, 5, 2, seed=s) for s in (1, 1, 2))

    assert torch.equal(first.support_TNK, again.support_TNK)
    assert not torch.equal(first.support_TNK, other.support_TNK)
    assert first.classes_TN.shape == (5, 2)


@pytest.mark.parametrize(
    ("shots", "most_ways", "message"),
    [
        ((1, 16), 20, "16 shots .* = 17 .* 0 has 30, class 1 has 12"),
        (SHOTS, 1, "at least 2 ways, got most_ways=1"),
    ],
)
def test_nested_draws__that_cannot_be__are_refused(shots, most_ways, message):
    with pytest.raises(EpisodeError, match=message):
        nested_draws(LabelIndex.from_labels(LABELS), shots, 6, 5, most_ways, seed=0)
