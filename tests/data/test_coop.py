from __future__ import annotations

import json

import pytest

from metaadapter.data.coop import read_coop_split
from metaadapter.errors import DataError

SPLIT = {
    "train": [["a/1.jpg", 0, "fox"], ["b/2.jpg", 1, "lynx"]],
    "val": [],
    "test": [["a/3.jpg", 0, "fox"]],
}


@pytest.fixture
def write(tmp_path):
    def write_split(content, picture="a/1.jpg"):
        (tmp_path / picture).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / picture).touch()
        written = content if isinstance(content, bytes) else json.dumps(content).encode()
        (tmp_path / "split.json").write_bytes(written)
        return tmp_path / "split.json"

    return write_split


def test_read_coop_split__pictures_beside_it__are_read_in_order(tmp_path, write):
    table = read_coop_split(write(SPLIT))

    assert table.source == "CoOp split JSON"
    assert [(row.path, row.label, row.split) for row in table.rows] == [
        (tmp_path / "a/1.jpg", "fox", "train"),
        (tmp_path / "b/2.jpg", "lynx", "train"),
        (tmp_path / "a/3.jpg", "fox", "test"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"images": []}, r"its keys are images"),
        ([["a.jpg", 0, "fox"]], r"it holds a list; .* ends in \.jsonl"),
        ({"train": []}, r"with pictures, but its keys are train"),
        ({"train": [["a.jpg", "fox"]]}, r"entry 1 of 'train' in .* it is \[\"a\.jpg\", \"fox\"\]"),
        (
            {"train": [["a.jpg", 0, "fox"], ["b.jpg", 0, "lynx"]]},
            "the label index 0 has several",
        ),
        (
            {"train": [["a.jpg", 0, "crane"], ["b.jpg", 1, "crane"]]},
            "the class name 'crane' has several",
        ),
        (b"{", "but it is not JSON"),
    ],
)
def test_read_coop_split__other_content__says_what_was_expected(write, content, message):
    with pytest.raises(DataError, match=message):
        read_coop_split(write(content))
