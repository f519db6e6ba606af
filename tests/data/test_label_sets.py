"""The labels of pictures that show several classes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from metaadapter.data.label_sets import (
    joined,
    label_cell,
    labels_in,
    one_row_per_picture,
    shows_matrix,
)
from metaadapter.data.reader import read_images


def test_labels_of_a_cell_and_pictures_of_nothing() -> None:
    assert labels_in("fox | lynx;") == {"fox", "lynx"}
    assert label_cell(labels_in("none of these")) == "none of these"
    assert joined(["none of these", "fox"]) == "fox"


def test_the_matrix_says_which_classes_pictures_show() -> None:
    matrix = shows_matrix(["b;a", "none of these", "a"], ["a", "b"])
    np.testing.assert_array_equal(matrix, [[1, 1], [0, 0], [1, 0]])


def _pictures(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        Image.new("RGB", (40, 30), (number * 50, 90, 10)).save(folder / name)


def test_rows_of_a_picture_become_one(tmp_path: Path) -> None:
    _pictures(tmp_path, "1.png", "2.png")
    (tmp_path / "m.csv").write_text("path,label\n1.png,fox\n2.png,fox;snow\n1.png,lynx\n")
    rows = one_row_per_picture(read_images(tmp_path / "m.csv", n_classes=1)).rows
    assert [(row.path.name, row.label) for row in rows] == [
        ("1.png", "fox;lynx"),
        ("2.png", "fox;snow"),
    ]


def test_lists_of_labels_in_json_lines(tmp_path: Path) -> None:
    _pictures(tmp_path, "1.png", "2.png")
    rows = [{"path": "1.png", "label": ["snow", "fox"]}, {"path": "2.png", "label": []}]
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, rows)))
    read = one_row_per_picture(read_images(tmp_path / "m.jsonl", n_classes=1)).rows
    assert [row.label for row in read] == ["fox;snow", "none of these"]
