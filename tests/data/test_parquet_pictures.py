from __future__ import annotations

import io
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from metaadapter.data.decode import content_hash, decode_image
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.reader import read_images
from metaadapter.errors import DataError


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


@pytest.mark.parametrize("name", ["image.jpg", ""])
@pytest.mark.parametrize("is_nested", [False, True])
def test_parquet__any_name_of_the_column__is_read(write, name, is_nested):
    contents = [png(number) for number in range(3)]
    nested = [{"bytes": content, "path": f"{n}.png"} for n, content in enumerate(contents)]

    rows = read_images(write({name: nested if is_nested else contents}), labelled=False).rows

    assert [content_hash(row.picture) for row in rows] == [*map(content_hash, contents)]
    assert rows[1].path.name == ("1.png" if is_nested else "row 1")


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


def test_parquet__any_order_and_several_threads__reads_the_right_cells(write):
    contents = [png(number) for number in range(40)]
    rows = read_images(write({"image": contents}), labelled=False).rows
    order = np.random.default_rng(0).permutation(40).tolist()

    with ThreadPoolExecutor(4) as executor:
        hashes = list(executor.map(lambda number: content_hash(rows[number].picture), order))

    assert hashes == [content_hash(contents[number]) for number in order]


def test_parquet__file_replaced__is_read_anew(write):
    (row,) = read_images(write({"image": [png(1)]}), labelled=False).rows
    content_hash(row.picture)

    write({"image": [png(2)], "more": ["text"]})

    assert content_hash(row.picture) == content_hash(png(2))


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


def test_parquet__damaged_pages__are_unreadable_and_the_file_is_named(write):
    path = write({"image": [png(n) for n in range(20)]})
    rows = read_images(path, labelled=False).rows
    content = bytearray(path.read_bytes())
    group = pyarrow.parquet.ParquetFile(path).metadata.row_group(1).column(0)
    start = group.dictionary_page_offset or group.data_page_offset
    content[start : start + 100] = b"\xff" * 100
    path.write_bytes(content)

    assert content_hash(rows[0].picture) == content_hash(png(0))
    with pytest.raises(UnreadableImage, match=r"a\.parquet/row 8: .*damaged"):
        decode_image(rows[8].picture)
    assert content_hash(rows[15].picture) == content_hash(png(15))


def test_parquet__two_columns_of_bytes__asks_which(write):
    path = write({"left": [png(1)], "right": [png(2)]})

    with pytest.raises(DataError, match=r"one column of pictures in .*'left', 'right' hold bytes"):
        read_images(path, labelled=False)


def test_parquet__column_of_paths__is_a_manifest_as_before(write, tmp_path):
    (tmp_path / "1.png").write_bytes(png(1))

    table = read_images(write({"path": ["1.png"]}), labelled=False)

    assert (table.source, table.rows[0].path) == ("Parquet manifest", tmp_path / "1.png")
