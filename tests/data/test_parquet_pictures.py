from __future__ import annotations

import io
import json

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from metaadapter.data.decode import content_hash, decode_image
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.reader import read_images


def png(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(content := io.BytesIO(), "PNG")
    return content.getvalue()


@pytest.fixture
def write(tmp_path):
    """Writes tmp_path/NAME with the columns, in row groups of seven."""

    def write(columns, name="a.parquet", metadata=None):
        table = pyarrow.table(columns).replace_schema_metadata(metadata)
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pyarrow.parquet.write_table(table, path, row_group_size=7)
        return path

    return write


def test_parquet__column_of_bytes__is_read_like_files(write, tmp_path):
    contents = [png(number) for number in range(20)]
    labels = ["fox", "lynx"] * 10

    table = read_images(
        write({"jpg": contents, "label": labels, "filename": [*"abcdefghijklmnopqrst"]})
    )

    assert table.source == "Parquet files"
    assert [row.label for row in table.rows] == labels
    assert table.rows[3].path == tmp_path / "a.parquet/d"
    assert [content_hash(row.picture) for row in table.rows] == [*map(content_hash, contents)]
    assert decode_image(table.rows[9].picture).tobytes() == decode_image(contents[9]).tobytes()


def test_parquet__of_hugging_face__has_the_names_of_its_classes(write):
    images = [{"bytes": png(n), "path": f"{n}.png"} for n in range(3)]
    features = {"info": {"features": {"label": {"names": ["fox", "lynx"], "_type": "ClassLabel"}}}}

    table = read_images(
        write(
            {"image": images, "label": [1, 0, -1]}, metadata={"huggingface": json.dumps(features)}
        )
    )

    assert [(row.path.name, row.label) for row in table.rows] == [
        ("0.png", "lynx"),
        ("1.png", "fox"),
    ]
    assert table.warnings == (
        f"pictures without a class in {table.rows[0].path.parent} were left out: 1",
    )


def test_folder_of_parquet__splits_are_in_the_names(write, tmp_path):
    for split in ("train", "test"):
        columns = {"image": [png(1), png(2)], "label": ["fox", "lynx"]}
        write(columns, f"data/{split}-00000-of-00001.parquet")

    rows = read_images(tmp_path, split="test").rows

    assert [(row.split, row.label) for row in rows] == [("test", "fox"), ("test", "lynx")]


def test_parquet__empty_or_damaged_cell__is_unreadable_with_its_reason(write):
    rows = read_images(write({"image": [png(1), None, b"", b"GIF89a"]}), labelled=False).rows

    for row, reason in zip(rows[1:], ("is empty", "is empty", "damaged"), strict=True):
        with pytest.raises(UnreadableImage, match=rf"a\.parquet/row \d: .*{reason}"):
            decode_image(row.picture)
