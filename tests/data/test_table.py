from __future__ import annotations

import os
from pathlib import Path

import pytest

from metaadapter.data.crop import Box
from metaadapter.data.packed import Packed
from metaadapter.data.table import CompactRows, ImageRow, ImageTable

TAR = Path("a.tar")
ROWS = [
    ImageRow(Path("a/1.png"), "fox", "train", "burst", Box(0.1, 0.2, 0.3, 0.4)),
    ImageRow(Path("ü.png"), None),
    ImageRow(Path(os.fsdecode(b"\xff.png")), "fox"),
    ImageRow(TAR / "1.png", "lynx", packed=Packed(TAR / "1.png", TAR, 512, 2**40)),
]


def test_compact_rows__of_any_kind__are_the_rows_that_were_given():
    rows = CompactRows(iter(ROWS))

    assert len(rows) == 4
    assert [*rows] == ROWS
    assert rows == ROWS
    assert rows[-1] == ROWS[-1]
    assert ImageTable(rows, "list").classes == ImageTable(tuple(ROWS), "list").classes


@pytest.mark.parametrize(
    ("labels", "expected"), [(["b", "a", "b"], ("a", "b")), ([None], ())], ids=["labels", "none"]
)
def test_classes__rows_in_any_order__are_distinct_and_sorted(labels, expected):
    rows = tuple(ImageRow(Path(f"{n}.jpg"), label) for n, label in enumerate(labels))

    assert ImageTable(rows, "class-per-folder").classes == expected
