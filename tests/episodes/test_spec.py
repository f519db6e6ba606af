from __future__ import annotations

import pytest

from episodes import EpisodeError, EpisodeSpec, LabelIndex


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_way": (1, 5)}, r"n_way must be \(least, most\) with 2 <= least <= most, got \(1, 5\)"),
        ({"n_shot": (3, 2)}, r"n_shot must be \(least, most\) with 1 <= least.*got \(3, 2\)"),
        ({"n_query": 0}, "n_query must be at least 1, got 0"),
        ({"imbalance": -0.1}, "imbalance must be 0 or more, got -0.1"),
        ({"hard_share": 1.5}, "hard_share is a fraction of tasks, 0 to 1, got 1.5"),
        ({"imbalance": float("nan")}, "imbalance must be 0 or more, got nan"),
    ],
)
def test_spec__size_that_cannot_be__says_what_can(changes, message):
    with pytest.raises(EpisodeError, match=message):
        EpisodeSpec(**({"n_way": (2, 5), "n_shot": (1, 4), "n_query": 3} | changes))


def test_feasible__small_table__narrows_to_what_there_is():
    index = LabelIndex.from_labels([0] * 4 + [1] * 2 + [2])

    narrowed = EpisodeSpec((2, 50), (1, 16), 15, imbalance=0.5).feasible(index)

    assert narrowed == EpisodeSpec((2, 2), (1, 3), 3, imbalance=0.5)


def test_feasible__enough_of_all__changes_nothing():
    spec = EpisodeSpec((2, 3), (1, 4), 5)

    assert spec.feasible(LabelIndex.from_labels([0, 1, 2] * 10)) == spec


def test_feasible__too_few_classes__names_the_largest_too_small():
    index = LabelIndex.from_labels([0] * 4 + [1] * 2 + [2])

    with pytest.raises(EpisodeError, match=r"3 classes of 2 or more .* there are 2,.*lower n_way"):
        EpisodeSpec((3, 5), (1, 1), 1).feasible(index)


def test_feasible__too_many_shots__names_the_class_and_its_count():
    index = LabelIndex.from_labels([0] * 4 + [1] * 2)

    with pytest.raises(EpisodeError, match=r"one of them of 5 shots .* the largest class has 4\."):
        EpisodeSpec((2, 2), (5, 5), 1).feasible(index)


def test_feasible__no_rows__says_so():
    index = LabelIndex.from_labels([-1, -1], n_classes=2)

    with pytest.raises(
        EpisodeError, match=r"2 classes .* there are 0, and the largest class has 0"
    ):
        EpisodeSpec((2, 2), (1, 1), 1).feasible(index)
