from __future__ import annotations

import pytest

from metaadapter.data.reader import read_images
from metaadapter.errors import DataError, UsageError


@pytest.mark.parametrize(
    ("name", "text", "source"),
    [
        ("", "", "class-per-folder"),
        ("M.CSV", "path,label\n1.jpg,fox\n2.jpg,lynx", "CSV manifest"),
    ],
)
def test_read_images__of_any_kind__are_recognised(add, name, text, source):
    folder = add("1.jpg", "2.jpg") if name else add("fox/1.jpg", "lynx/2.jpg")
    if name:
        (folder / name).write_text(text)

    table = read_images(folder / name)

    assert (table.source, table.classes) == (source, ("fox", "lynx"))


def test_read_images__one_picture_without_label__is_one_row(add):
    source = add("a picture.jpg") / "a picture.jpg"

    table = read_images(str(source), labelled=False)

    assert table.source == "one picture"
    assert [(row.path, row.label) for row in table.rows] == [(source, None)]


def test_read_images__one_picture_but_labels_needed__says_what_is(add):
    with pytest.raises(DataError, match=r"one folder per class, a manifest .* is a single file"):
        read_images(add("1.jpg") / "1.jpg")


def test_read_images__home_folder_sign__is_understood(add, monkeypatch):
    monkeypatch.setenv("HOME", str(add("fox/1.jpg", "lynx/2.jpg")))

    assert len(read_images("~").rows) == 2


def test_read_images__missing_source__says_what_is_missing_where(add):
    source = add("fox/1.jpg")

    with pytest.raises(DataError, match="holds no 'zebra'"):
        read_images(source / "zebra" / "x")


def test_read_images__one_class_beside_an_empty_one__names_the_empty_one(add):
    source = add("fox/1.jpg")
    (source / "lynx").mkdir()

    with pytest.raises(DataError, match=r"of the class 'fox'.* holds no pictures") as caught:
        read_images(source)

    assert str(source / "lynx") in str(caught.value)


SPLITS = ("train/fox/1.jpg", "train/lynx/2.jpg", "test/fox/3.jpg")


@pytest.mark.parametrize(
    ("names", "split", "error", "message"),
    [
        (
            (*SPLITS, "test/lynx/4.jpg"),
            None,
            UsageError,
            r"is divided into test \(2\), train \(2\): give one of them, such as .*train, or",
        ),
        (SPLITS[:2], "val", UsageError, r"split 'val' was asked for, but .* into train \(2\)"),
        (("fox/1.jpg", "lynx/2.jpg"), "train", UsageError, "is not divided into splits"),
        (SPLITS, "test", DataError, r"all pictures \(1\) are of the class 'fox'"),
        (
            ("fox/1.jpg", "fox/2.jpg"),
            None,
            DataError,
            r"all pictures \(2\) are of the class 'fox'; add pictures",
        ),
    ],
)
def test_read_images__split_or_class_to_choose__says_what_there_is(
    add, names, split, error, message
):
    with pytest.raises(error, match=message):
        read_images(add(*names), split=split)


def test_read_images__chosen_split__is_read_alone_and_all_are_on_demand(add):
    source = add(*SPLITS)

    assert [row.path.name for row in read_images(source, split="train").rows] == ["1.jpg", "2.jpg"]
    assert read_images(source, split="all").splits == {"test": 1, "train": 2}


def test_read_images__only_one_split__needs_no_choice(add):
    assert read_images(add(*SPLITS[:2])).classes == ("fox", "lynx")


def test_read_images__splits_without_labels__need_no_choice(add):
    source = add("train/fox/1.jpg", "test/fox/2.jpg")

    assert len(read_images(source, labelled=False).rows) == 2
    assert len(read_images(source, labelled=False, split="test").rows) == 1
