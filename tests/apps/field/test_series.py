from __future__ import annotations

import numpy as np

from metaadapter.apps.field.series import mean_in_series
from metaadapter.workflow.predictions import Probabilities

CLASSES = ["deer", "empty", "fox"]


def test_series__frames_on_which_something_is_seen__share_the_mean_of_their_answers():
    rows = np.array([[0.6, 0.1, 0.3], [0.2, 0.1, 0.7], [0.1, 0.8, 0.1], [0.9, 0.0, 0.1]])

    merged = mean_in_series(
        Probabilities(rows, np.array([0.2, 0.4, 0.9, 0.5])), ["a", "a", "a", "b"], CLASSES
    )

    np.testing.assert_allclose(merged.classes_NC[:2], [[0.4, 0.1, 0.5]] * 2)
    np.testing.assert_allclose(merged.classes_NC[2:], rows[2:])  # an empty frame, another series
    np.testing.assert_allclose(merged.known_N, [0.3, 0.3, 0.9, 0.5])


def test_series__not_asked_for__changes_nothing():
    rows = np.array([[0.6, 0.1, 0.3], [0.2, 0.1, 0.7]])

    merged = mean_in_series(Probabilities(rows, None), [None, None], CLASSES)

    np.testing.assert_array_equal(merged.classes_NC, rows)
