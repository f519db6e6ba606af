from __future__ import annotations

import pytest

from metaadapter.data.class_names import (
    alike_labels,
    require_new_spelling,
    same_label_spelling,
)
from metaadapter.errors import UsageError


@pytest.mark.parametrize(
    "other",
    [
        *("Red Fox", "red_fox", " red  fox", "_red_fox_", "red\tfox", "red\u00a0fox"),
        *("re\u200bd fox", "red fox\ufe0f", "red\u00ad fox", "\uff52ed fox"),
    ],
)
def test_same_label_spelling__what_a_reader_takes_for_the_same__has_one_key(other):
    assert same_label_spelling(other) == same_label_spelling("red fox") == "red fox"
    with pytest.raises(UsageError, match="only by an underscore"):
        require_new_spelling(other, ["lynx", "red fox"])


def test_same_label_spelling__different_labels__have_different_keys():
    flags = ["\U0001f3f4\U000e0067\U000e0062\U000e0065", "\U0001f3f4\U000e0067\U000e0062\U000e0073"]
    labels = [
        "red fox",
        "redfox",
        "red-fox",
        "m",
        "\u00b5",
        "n02124075 cat",
        "n02123045 cat",
        *flags,
    ]

    assert alike_labels(labels) == ""
    assert len({same_label_spelling(label) for label in labels}) == len(labels)


def test_alike_labels__some__are_shown_so_that_their_difference_is_seen():
    labels = ["a", "A", "b", "b\ufe0f", "c", "c\u200b", "d", "D"]

    shown = alike_labels(labels)

    assert shown == "'A' and 'a'; 'D' and 'd'; 'b' and 'b\\ufe0f'; …"
