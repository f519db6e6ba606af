from __future__ import annotations

import json

import pytest

from metaadapter.data.coop import read_coop_split
from metaadapter.data.reader import read_images
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
        ({"images": []}, r"its keys are 'images'"),
        ([["a.jpg", 0, "fox"]], r"it holds a list; .* ends in \.jsonl"),
        ({"train": []}, r"they are all empty"),
        ({"train": [["a.jpg", "fox"]]}, r"entry 1 of 'train' in .* it is \[\"a\.jpg\", \"fox\"\]"),
        (
            {"train": [["a.jpg", 0, "fox"], ["b.jpg", 0, "lynx"]]},
            r"expected one class name for label index 0 .* 'fox' and 'lynx'",
        ),
        (
            {"train": [["a.jpg", 0, "crane"], ["b.jpg", 1, "crane"]]},
            r"expected one label index for class name crane .* '0' and '1'",
        ),
        (b"{", "but it is not JSON"),
    ],
)
def test_read_coop_split__other_content__says_what_was_expected(write, content, message):
    with pytest.raises(DataError, match=message):
        read_coop_split(write(content))


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
