from __future__ import annotations

import pytest

from metaadapter.data.reader import read_images
from metaadapter.errors import DataError

TENCH, CRANE, LIFT = "n01440764", "n02012849", "n03126707"


@pytest.fixture
def imagenet(add):
    files = [f"train/{name}/{name}_1.JPEG" for name in (LIFT, CRANE, TENCH)]
    folder = add(*(f"images/{file}" for file in (*files, f"val/{TENCH}/ILSVRC2012_val_1.JPEG")))
    (folder / "classnames.txt").write_text(f"{LIFT} crane\n{CRANE} crane\n{TENCH} tench\n")
    return folder


@pytest.fixture
def aircraft(add):
    folder = add("images/0056978.jpg", "images/1025794.jpg", "images/2.jpg", "images/3.jpg")
    (folder / "variants.txt").write_text("707-320\nF/A-18\nCessna 172\n")
    train = "1025794 707-320\n0056978 F/A-18\n"
    for split, lines in {"train": train, "val": "3 707-320\n", "test": "2 Cessna 172\n"}.items():
        (folder / f"images_variant_{split}.txt").write_text(lines)
    return folder


def test_imagenet__class_names__label_the_folders_and_val_is_the_test(imagenet):
    table = read_images(imagenet / "classnames.txt", split="all")

    assert table.classes == (f"{TENCH} tench", f"{CRANE} crane", f"{LIFT} crane")
    assert table.splits == {"train": 3, "test": 1}
    (row,) = [row for row in table.rows if row.split == "test"]
    assert row.path == imagenet / "images" / "val" / TENCH / "ILSVRC2012_val_1.JPEG"
    assert row.label == f"{TENCH} tench"


def test_aircraft__lists__are_read_in_order(aircraft):
    table = read_images(aircraft / "variants.txt", split="all")

    assert [(row.path, row.label, row.split) for row in table.rows] == [
        (aircraft / "images/1025794.jpg", "707-320", "train"),
        (aircraft / "images/0056978.jpg", "F/A-18", "train"),
        (aircraft / "images/3.jpg", "707-320", "val"),
        (aircraft / "images/2.jpg", "Cessna 172", "test"),
    ]
    assert read_images(aircraft / "variants.txt", labelled=False).classes == ()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("images_variant_val.txt", None, "cannot be read: No such file"),
        ("variants.txt", b"", "but it is empty"),
        ("variants.txt", b"\xff", "not text in UTF-8"),
    ],
)
def test_aircraft__damaged_list__is_named(aircraft, name, content, message):
    (aircraft / name).unlink()
    if content is not None:
        (aircraft / name).write_bytes(content)

    with pytest.raises(DataError, match=rf"in .*{name}, .*{message}"):
        read_images(aircraft / "variants.txt", split="all")
