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
