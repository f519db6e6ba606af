from __future__ import annotations

from pathlib import Path

import pytest

from metaadapter.data.table import ImageRow, ImageTable


@pytest.mark.parametrize(
    ("labels", "expected"), [(["b", "a", "b"], ("a", "b")), ([None], ())], ids=["labels", "none"]
)
def test_classes__rows_in_any_order__are_distinct_and_sorted(labels, expected):
    rows = tuple(ImageRow(Path(f"{n}.jpg"), label) for n, label in enumerate(labels))

    assert ImageTable(rows, "class-per-folder").classes == expected


def test_splits__some_rows_without__counts_the_others_in_order_of_appearance():
    splits = ["train", None, "test", "train"]
    rows = tuple(ImageRow(Path(f"{n}.jpg"), "a", split) for n, split in enumerate(splits))

    counted = ImageTable(rows, "CSV manifest").splits

    assert list(counted.items()) == [("train", 2), ("test", 1)]
