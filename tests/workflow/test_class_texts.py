from __future__ import annotations

import numpy as np
import pytest

from metaadapter.errors import UsageError
from metaadapter.workflow.class_texts import (
    ClassNames,
    class_warnings,
    says_nothing,
    text_features,
    text_names,
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


def test_text_names__record__is_what_the_encoder_read_and_vectors_alone_are_none():
    assert text_names({"a": "long_sleeve"}, ["a", "b"]) == ["long sleeve", ""]
    assert text_names({"a": np.ones(4)}, ["a"]) is None


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


def test_class_names__class_added_twice__is_refused():
    with pytest.raises(UsageError, match="'owl' is a class already"):
        ClassNames.parsed([], ["owl", "owl=barn owl"], [])


def test_class_names__sentences__follow_those_that_came_with_the_pictures():
    names = ClassNames(sentences={"lynx": ["tufted ears"]})

    texts = names.of(["lynx", "owl"], {"lynx": ["spotted"], "owl": ["grey"]})

    assert texts == {"lynx": ["lynx", "spotted", "tufted ears"], "owl": ["owl", "grey"]}


@pytest.mark.parametrize("text", ["", "=", "=fox", "lynx=", "lynx"])
def test_class_names__half_a_text__shows_how_it_is_written(text):
    with pytest.raises(UsageError, match='--text expects LABEL=NAME, for example --text fox="red'):
        ClassNames.parsed([text], [], [])


def test_class_names__text_far_from_any_label__lists_ten_at_most():
    labels = [f"species {number}" for number in range(12)]

    with pytest.raises(UsageError, match=r"'species 9' and 2 more$"):
        ClassNames(texts={"qqq": "fox"}).of(labels)


@pytest.mark.parametrize(
    "name", ["3", "0007", "class1", "Class 07", "category_b2"[:8], "New folder (2)", "label-4", ""]
)
def test_says_nothing__number_or_placeholder__is_recognised(name):
    assert says_nothing(name)


@pytest.mark.parametrize("name", ["cat", "lynx", "class mammal", "grouper", "b52 bomber", "狐"])
def test_says_nothing__name_of_a_thing__is_let_through(name):
    assert not says_nothing(name)


def test_class_warnings__ten_times_as_many_pictures_of_one_class__is_pointed_out():
    (warning,) = class_warnings({"heron": 1, "lynx": 10}, {"heron": "heron", "lynx": "lynx"})

    assert warning.startswith("'heron' has 1 picture(s), and 'lynx' has 10")


def test_class_warnings__names_that_say_nothing__are_no_matter_where_names_are_not_used():
    assert class_warnings({"1": 2, "2": 2}, {}) == ()
    assert len(class_warnings({"1": 2, "2": 2}, {"1": "1", "2": "2"})) == 1
