from __future__ import annotations

import numpy as np

from metaadapter.workflow.class_texts import text_features, text_names


class Listener:
    """An encoder that remembers what it was given to read."""

    def __init__(self):
        self.heard = []

    def encode_texts(self, names):
        self.heard += names
        return np.eye(len(names), 4, dtype=np.float32)


def test_text_features__name_with_underscores__is_read_as_people_say_it():
    encoder = Listener()

    text_features({"a": "long_sleeve", "b": "n02123045-tabby_cat"}, ["a", "b"], 4, encoder)

    assert encoder.heard == ["long sleeve", "tabby cat"]


def test_text_names__record__is_what_the_encoder_read():
    assert text_names({"a": "long_sleeve"}, ["a", "b"]) == ["long sleeve", ""]


def test_text_names__vectors_alone__are_no_names():
    assert text_names({"a": np.ones(4)}, ["a"]) is None
