from __future__ import annotations

import json
from pathlib import Path

import pytest

from metaadapter.data.class_names import (
    alike_labels,
    require_new_spelling,
    same_label_spelling,
    with_class_names,
)
from metaadapter.data.table import ImageRow, ImageTable
from metaadapter.errors import DataError, UsageError

TABLE = ImageTable(
    tuple(ImageRow(Path(f"{label}.jpg"), label) for label in ("7", "12", "lynx")),
    "a test",
    descriptions={"7": ("It is red.",)},
)


@pytest.fixture
def rename(tmp_path):
    def with_names(content):
        file = tmp_path / "names.json"
        file.write_text(content if isinstance(content, str) else json.dumps(content))
        return with_class_names(TABLE, file)

    return with_names


def test_class_names__labels_with_a_name__are_replaced_and_others_stay(rename):
    table = rename({"7": "red fox", "12": "heron"})

    assert [row.label for row in table.rows] == ["red fox", "heron", "lynx"]
    assert table.descriptions == {"red fox": ("It is red.",)}
    assert table.warnings == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"8": "owl"}, r"none of the 1 labels in .*: it has '8', and the pictures have '12', '7'"),
        ({"7": "lynx"}, "7 and lynx are both 'lynx'"),
        ({"7": 3}, "expected a text as the name of '7'"),
        ({"7": " "}, "expected a text as the name of '7'"),
        (["fox"], "it holds something else"),
        ({}, "it holds something else"),
        ("7: fox", "it is not JSON"),
    ],
)
def test_class_names__file_of_another_kind__says_what_was_expected(rename, content, message):
    with pytest.raises(DataError, match=message):
        rename(content)


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
