from __future__ import annotations

import json
from pathlib import Path

import pytest

from metaadapter.data.class_names import with_class_names
from metaadapter.data.table import ImageRow, ImageTable
from metaadapter.errors import DataError

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
