from __future__ import annotations

import numpy as np
import pytest

from metaadapter.adapter.label_tree import LabelTree
from metaadapter.bench.evaluation.task_figures import tree_figures

TREE = LabelTree({"fox": "canine", "dog": "canine", "canine": "animal", "cat": "animal", "car": ""})
CLASSES = ["car", "cat", "dog", "fox"]


def test_tree_figures__by_hand():
    shares = np.array(
        [
            [0.00, 0.02, 0.48, 0.50],  # a dog: canine, right
            [0.95, 0.05, 0.00, 0.00],  # a cat: car, wrong, three edges apart
            [0.40, 0.30, 0.20, 0.10],  # a fox: no answer
            [0.00, 0.96, 0.02, 0.02],  # a cat: right
        ]
    )

    figures = tree_figures(TREE, CLASSES, shares, np.array([2, 1, 3, 1]))

    assert figures == {
        "sure_answered": 0.75,
        "sure_right": pytest.approx(2 / 3),
        "sure_level": pytest.approx((2 + 1 + 0 + 2) / 4),
        "level_1": 0.5,
        "level_2": 0.5,
        "level_3": 0.25,
        "mistake_distance": pytest.approx((2 + 3 + 4) / 3),
    }
