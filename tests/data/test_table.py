from __future__ import annotations

from pathlib import Path

from metaadapter.data.table import ImageRow, ImageTable


def test_classes__rows_in_any_order__are_distinct_and_sorted():
    rows = tuple(ImageRow(Path(f"{n}.jpg"), label) for n, label in enumerate(["b", "a", "b"]))

    classes = ImageTable(rows, "class-per-folder").classes

    assert classes == ("a", "b")


def test_classes__rows_without_labels__are_none():
    table = ImageTable((ImageRow(Path("a.jpg"), None),), "one picture")

    assert table.classes == ()


def test_splits__some_rows_without__counts_the_others_in_order_of_appearance():
    splits = ["train", None, "test", "train"]
    rows = tuple(ImageRow(Path(f"{n}.jpg"), "a", split) for n, split in enumerate(splits))

    counted = ImageTable(rows, "CSV manifest").splits

    assert list(counted.items()) == [("train", 2), ("test", 1)]
