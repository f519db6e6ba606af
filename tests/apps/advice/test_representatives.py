"""The choice of pictures that are worth a label."""

from __future__ import annotations

import numpy as np
import pytest

from metaadapter.apps.advice.representatives import representatives


def by_loops(features, n_chosen):
    """The same greedy choice from its definition: the least sum of distances after each step."""
    rows = features / np.linalg.norm(features, axis=1, keepdims=True)
    rows = rows - rows.mean(0)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    chosen = []
    for _ in range(n_chosen):
        sums = {}
        for new in set(range(len(rows))) - {*chosen}:
            sums[new] = sum(
                min(float(((row - rows[other]) ** 2).sum()) for other in [*chosen, new])
                for row in rows
            )
        chosen.append(min(sums, key=lambda number: (round(sums[number], 4), number)))
    return chosen


@pytest.mark.parametrize("seed", range(4))
def test_representatives__any_features__are_the_greedy_medoids(seed):
    features = np.random.default_rng(seed).normal(size=(14, 5)) + 1

    assert representatives(features, 6) == by_loops(features, 6)


def test_representatives__clusters_of_any_size__get_one_each_before_any_gets_two():
    rng = np.random.default_rng(0)
    centres = 5 * np.eye(4, 16)
    numbers = np.repeat([0, 1, 2, 3], [40, 20, 5, 2])
    features = centres[numbers] + rng.normal(scale=0.1, size=(67, 16))

    chosen = representatives(features, 8)

    assert sorted(numbers[chosen[:4]]) == [0, 1, 2, 3]
    assert chosen[:3] == representatives(features, 3)


def test_representatives__equal_or_few_pictures__are_all_chosen_once():
    assert sorted(representatives(np.ones((3, 2)), 9)) == [0, 1, 2]
    assert representatives(np.empty((0, 2)), 3) == []
