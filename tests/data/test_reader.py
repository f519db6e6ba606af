from __future__ import annotations

import json
from pathlib import Path

import pytest

from metaadapter.data.reader import read_images
from metaadapter.errors import DataError, UsageError


@pytest.fixture
def add(tmp_path):
    def add_pictures(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(name)  # unlike content, as real pictures have
        return tmp_path

    return add_pictures


def test_read_images__class_folders__are_recognised(add):
    table = read_images(add("fox/1.jpg", "lynx/2.jpg"))

    assert (table.source, table.classes) == ("class-per-folder", ("fox", "lynx"))


def test_read_images__manifest__is_recognised(add):
    source = add("1.jpg", "2.jpg")
    (source / "M.CSV").write_text("path,label\n1.jpg,fox\n2.jpg,lynx")

    table = read_images(source / "M.CSV")

    assert (table.source, table.classes) == ("CSV manifest", ("fox", "lynx"))


def test_read_images__coop_split__is_recognised(add):
    source = add("1.jpg", "2.jpg")
    lists = {"train": [["1.jpg", 0, "fox"], ["2.jpg", 1, "lynx"]]}
    (source / "split.json").write_text(json.dumps(lists))

    table = read_images(source / "split.json")

    assert (table.source, table.classes) == ("CoOp split JSON", ("fox", "lynx"))


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


def test_read_images__misspelt__suggests_the_close_name(add):
    source = add("my pictures/fox/1.jpg")

    with pytest.raises(DataError, match="there is no file or folder") as caught:
        read_images(source / "my picturs" / "fox")

    assert f"did you mean {source / 'my pictures'}?" in str(caught.value)


def test_read_images__relative_and_misspelt__suggests_the_close_name(add, monkeypatch):
    monkeypatch.chdir(add("pictures/fox/1.jpg"))

    with pytest.raises(DataError, match=r"did you mean .*pictures\?"):
        read_images(Path("pictres"))


def test_read_images__nothing_close__says_what_is_missing_where(add):
    source = add("fox/1.jpg")

    with pytest.raises(DataError, match="holds no 'zebra'"):
        read_images(source / "zebra" / "x")


def test_read_images__one_class__asks_for_a_second(add):
    with pytest.raises(DataError, match=r"all pictures \(2\) are of the class 'fox'; add pictures"):
        read_images(add("fox/1.jpg", "fox/2.jpg"))


def test_read_images__one_class_beside_an_empty_one__names_the_empty_one(add):
    source = add("fox/1.jpg")
    (source / "lynx").mkdir()

    with pytest.raises(DataError, match=r"of the class 'fox'.* holds no pictures") as caught:
        read_images(source)

    assert str(source / "lynx") in str(caught.value)


def test_read_images__classes_one_folder_deeper__suggests_that_folder(add):
    source = add("zoo/fox/1.jpg", "zoo/lynx/2.jpg")

    with pytest.raises(DataError, match=r"did you mean .*, which holds 2 folders") as caught:
        read_images(source)

    assert str(source / "zoo") in str(caught.value)


def test_read_images__several_splits__must_be_chosen(add):
    source = add("train/fox/1.jpg", "train/lynx/2.jpg", "test/fox/3.jpg", "test/lynx/4.jpg")

    with pytest.raises(UsageError, match=r"is divided into test \(2\), train \(2\): choose one"):
        read_images(source)


def test_read_images__chosen_split__is_read_alone(add):
    source = add("train/fox/1.jpg", "train/lynx/2.jpg", "test/fox/3.jpg")

    table = read_images(source, split="train")

    assert [row.path.name for row in table.rows] == ["1.jpg", "2.jpg"]


def test_read_images__all_splits__are_read_on_demand(add):
    source = add("train/fox/1.jpg", "train/lynx/2.jpg", "test/fox/3.jpg")

    assert read_images(source, split="all").splits == {"test": 1, "train": 2}


def test_read_images__only_one_split__needs_no_choice(add):
    source = add("train/fox/1.jpg", "train/lynx/2.jpg")

    assert read_images(source).classes == ("fox", "lynx")


def test_read_images__splits_without_labels__need_no_choice(add):
    source = add("train/fox/1.jpg", "test/fox/2.jpg")

    assert len(read_images(source, labelled=False).rows) == 2
    assert len(read_images(source, labelled=False, split="test").rows) == 1


def test_read_images__unknown_split__lists_those_there_are(add):
    source = add("train/fox/1.jpg", "train/lynx/2.jpg")

    with pytest.raises(UsageError, match=r"split 'val' was asked for, but .* into train \(2\)"):
        read_images(source, split="val")


def test_read_images__split_of_an_undivided_source__says_so(add):
    with pytest.raises(UsageError, match="is not divided into splits"):
        read_images(add("fox/1.jpg", "lynx/2.jpg"), split="train")


def test_read_images__one_class_in_the_chosen_split__is_an_error(add):
    source = add("train/fox/1.jpg", "train/lynx/2.jpg", "test/fox/3.jpg")

    with pytest.raises(DataError, match=r"all pictures \(1\) are of the class 'fox'"):
        read_images(source, split="test")
