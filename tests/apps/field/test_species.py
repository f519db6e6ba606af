from __future__ import annotations

import numpy as np
import pytest

from metaadapter.adapter.label_tree import LabelTree
from metaadapter.apps.field.species import Species
from metaadapter.workflow.predictions import Prediction

CLASSES = ["background", "deer", "dog", "fox"]


def prediction(**shares):
    first, second = sorted(shares, key=shares.__getitem__)[:-3:-1]
    return Prediction("a.jpg", first, shares[first], second, shares[second], False, shares)


@pytest.mark.parametrize(
    ("shares", "among_possible"),
    [([0.2, 0.3, 0.4, 0.1], [0.4, 0.6, 0, 0]), ([0, 0, 1.0, 0], [0.5, 0.5, 0, 0])],
)
def test_allowed__other_classes__give_their_probability_to_the_allowed(shares, among_possible):
    rows = Species(frozenset({"deer"})).among_possible(np.array([shares]), CLASSES, [None])

    np.testing.assert_allclose(rows, [among_possible])


def test_allowed__vehicle_person_and_empty__are_no_species_and_stay():
    classes = ["Vehicle", "deer", "empty", "fox", "person"]
    shares = np.array([[0.5, 0.1, 0.1, 0.2, 0.1]])

    rows = Species(frozenset({"deer"})).among_possible(shares, classes, [None])

    np.testing.assert_allclose(rows, [[0.625, 0.125, 0.125, 0, 0.125]])


def test_box_of_an_animal__shows_neither_vehicle_nor_person():
    classes = ["Vehicle", "deer", "empty", "person"]
    shares = np.array([[0.5, 0.1, 0.1, 0.3]] * 3)
    detected = ["animal", "vehicle", None]

    rows = Species().among_possible(shares, classes, detected)

    np.testing.assert_allclose(rows, [[0, 0.5, 0.5, 0], *shares[1:]])
    alone = Species().among_possible(shares[:1, [0, 3]], ["vehicle", "person"], ["animal"])
    np.testing.assert_allclose(alone, shares[:1, [0, 3]])  # no other class


@pytest.mark.parametrize(
    ("shares", "label", "probability"),
    [
        ({"fox": 0.5, "dog": 0.4, "deer": 0.1}, "canine", 0.9),  # too close to tell
        ({"fox": 0.7, "dog": 0.2, "deer": 0.1}, "fox", 0.7),  # clear
        ({"fox": 0.3, "dog": 0.3, "deer": 0.4}, "canine", 0.6),  # together the likeliest
        ({"fox": 0.2, "dog": 0.2, "deer": 0.6}, "deer", 0.6),
    ],
)
def test_parents__by_their_children__answer_where_none_is_clear(shares, label, probability):
    species = Species(None, LabelTree({"fox": "canine", "dog": "canine"}))

    answer = species.rolled_up(prediction(**shares))

    assert (answer.label, answer.probability) == (label, pytest.approx(probability))
    assert answer.probabilities == shares
    if label == "canine":
        assert answer.runner_up in ("fox", "dog")
