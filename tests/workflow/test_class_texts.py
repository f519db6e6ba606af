from __future__ import annotations

import numpy as np
import pytest

from metaadapter.workflow.class_texts import (
    ClassNames,
    says_nothing,
    text_features,
)


class Listener:
    """An encoder that remembers the names that it reads."""

    def __init__(self):
        self.heard = []

    def encode_texts(self, names):
        self.heard += names
        return np.eye(len(names), 4, dtype=np.float32)


def test_text_features__name_with_underscores__is_read_as_people_say_it():
    encoder = Listener()

    text_features({"a": "long_sleeve", "b": "n02123045-tabby_cat"}, ["a", "b"], 4, encoder)

    assert encoder.heard == ["long sleeve", "tabby cat"]


@pytest.mark.parametrize(
    ("texts", "added", "label", "expected"),
    [
        ([], [], "red_fox", "red_fox"),
        (["energy=the formula E = mc²"], [], "energy", "the formula E = mc²"),
        ([], ["grey_wolf"], "grey_wolf", "grey_wolf"),
    ],
    ids=["its label", "a text with an equals sign", "an added class"],
)
def test_class_names__of_a_class__is_its_text_or_its_label(texts, added, label, expected):
    names = ClassNames.parsed(texts, added, []).of(["red_fox", "energy"])

    assert names[label] == expected


@pytest.mark.parametrize(
    "name", ["3", "0007", "class1", "Class 07", "category_b2"[:8], "New folder (2)", "label-4", ""]
)
def test_says_nothing__number_or_placeholder__is_recognised(name):
    assert says_nothing(name)
