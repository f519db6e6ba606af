from __future__ import annotations

import pytest

from episodes import EpisodeError, EpisodeSpec, LabelIndex


@pytest.mark.parametrize(
    ("labels", "spec", "expected"),
    [
        ([0] * 4 + [1] * 2 + [2], ((2, 50), (1, 16), 15, 0.5), ((2, 2), (1, 3), 3, 0.5)),
        ([0, 1, 2] * 10, ((2, 3), (1, 4), 5), ((2, 3), (1, 4), 5)),
    ],
    ids=["small table", "enough of all"],
)
def test_feasible__table__narrows_to_what_there_is(labels, spec, expected):
    assert EpisodeSpec(*spec).feasible(LabelIndex.from_labels(labels)) == EpisodeSpec(*expected)


@pytest.mark.parametrize(
    ("labels", "n_way", "n_shot", "message"),
    [
        (
            [0] * 4 + [1] * 2 + [2],
            (3, 5),
            (1, 1),
            "3 classes of 2 or more .* there are 2,.*lower n_way",
        ),
        (
            [0] * 4 + [1] * 2,
            (2, 2),
            (5, 5),
            r"one of them with 5 shots .* the largest class has 4 pictures\.",
        ),
        ([-1, -1], (2, 2), (1, 1), "2 classes .* there are 0, and the largest class has 0"),
    ],
    ids=["too few classes", "too many shots", "no rows"],
)
def test_feasible__too_small_a_table__says_what_it_lacks(labels, n_way, n_shot, message):
    index = LabelIndex.from_labels(labels, n_classes=3)

    with pytest.raises(EpisodeError, match=message):
        EpisodeSpec(n_way, n_shot, 1).feasible(index)
