from __future__ import annotations

import numpy as np
import pytest

from metaadapter.apps.field.species import among_possible

CLASSES = ["background", "deer", "dog", "fox"]


@pytest.mark.parametrize(
    ("shares", "expected"),
    [([0.2, 0.3, 0.4, 0.1], [0.4, 0.6, 0, 0]), ([0, 0, 1.0, 0], [0.5, 0.5, 0, 0])],
)
def test_allowed__other_classes__give_their_probability_to_the_allowed(shares, expected):
    rows = among_possible(np.array([shares]), CLASSES, frozenset({"deer"}), [None])

    np.testing.assert_allclose(rows, [expected])


def test_allowed__vehicle_person_and_empty__are_no_species_and_stay():
    classes = ["Vehicle", "deer", "empty", "fox", "person"]
    shares = np.array([[0.5, 0.1, 0.1, 0.2, 0.1]])

    rows = among_possible(shares, classes, frozenset({"deer"}), [None])

    np.testing.assert_allclose(rows, [[0.625, 0.125, 0.125, 0, 0.125]])


def test_box_of_an_animal__shows_neither_vehicle_nor_person():
    classes = ["Vehicle", "deer", "empty", "person"]
    shares = np.array([[0.5, 0.1, 0.1, 0.3]] * 3)
    detected = ["animal", "vehicle", None]

    rows = among_possible(shares, classes, None, detected)

    np.testing.assert_allclose(rows, [[0, 0.5, 0.5, 0], *shares[1:]])
    alone = among_possible(shares[:1, [0, 3]], ["vehicle", "person"], None, ["animal"])
    np.testing.assert_allclose(alone, shares[:1, [0, 3]])  # no other class
