from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from metaadapter.apps.field.series import Seen, mean_in_series, number_animals
from metaadapter.data.crop import Box
from metaadapter.workflow.prediction.predictions import Probabilities

CLASSES = ["roe deer", "dog", "fox"]
DEER, BRANCH = Box(0.5, 0.4, 0.2, 0.3), Box(0.0, 0.0, 0.1, 0.1)


def moved(box, right):
    return box._replace(left=box.left + right)


def test_roe_deer__sure_box_beside_an_unsure_one__keeps_its_answer():
    seen = [Seen("s", 0, DEER), Seen("s", 0, BRANCH), Seen("s", 1, moved(DEER, 0.1))]
    rows = np.array([[0.998, 0.001, 0.001], [0.018, 0.6, 0.382], [0.95, 0.03, 0.02]])
    animals = number_animals(seen)

    merged = mean_in_series(Probabilities(rows, None), animals, CLASSES, [0.95, 0.3, 0.9])

    assert animals == [1, 2, 1]
    expected = (0.95 * rows[0] + 0.9 * rows[2]) / 1.85
    np.testing.assert_allclose(merged.classes_NC, [expected, rows[1], expected])


def test_animals__crossing__follow_their_nearest_boxes_and_gaps_are_bridged():
    left, right = Box(0.1, 0.4, 0.2, 0.2), Box(0.7, 0.4, 0.2, 0.2)
    seen = [
        Seen("s", 0, left),
        Seen("s", 0, right),
        Seen("s", 2, moved(right, -0.1)),  # the other one is hidden for a frame
        Seen("s", 3, moved(right, -0.2)),
        Seen("s", 3, moved(left, 0.1)),
    ]

    assert number_animals(seen) == [1, 2, 2, 2, 1]


corners = st.floats(0, 0.7)
boxes = st.builds(Box, corners, corners, st.floats(0.01, 0.3), st.floats(0.01, 0.3))


@given(st.lists(st.lists(boxes, max_size=4), max_size=5))
def test_animals__any_boxes__are_never_one_in_the_same_frame(frames):
    seen = [Seen("s", number, box) for number, frame in enumerate(frames) for box in frame]

    animals = number_animals(seen)

    pairs = Counter((one.frame, animal) for one, animal in zip(seen, animals, strict=True))
    assert max(pairs.values(), default=1) == 1
    assert {*animals} == {*range(1, len({*animals}) + 1)}
