from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from metaadapter.data.folder import read_folder, subfolders, walk
from metaadapter.data.picture_names import is_picture
from metaadapter.errors import DataError


def content(folder, table):
    return [(row.path.relative_to(folder).as_posix(), row.label, row.split) for row in table.rows]


@pytest.mark.parametrize(
    ("names", "labelled", "source", "expected"),
    [
        (
            ("red fox/2.jpg", "red fox/den/1.PNG", "lynx/3.webp"),
            True,
            "class-per-folder",
            [
                ("lynx/3.webp", "lynx", None),
                ("red fox/2.jpg", "red fox", None),
                ("red fox/den/1.PNG", "red fox", None),
            ],
        ),
        (
            ("train/fox/1.jpg", "train/lynx/2.jpg", "Test/fox/3.jpg"),
            True,
            "class-per-folder in splits",
            [
                ("Test/fox/3.jpg", "fox", "Test"),
                ("train/fox/1.jpg", "fox", "train"),
                ("train/lynx/2.jpg", "lynx", "train"),
            ],
        ),
        (
            ("b.jpg", "a.jpg"),
            False,
            "flat folder",
            [("a.jpg", None, None), ("b.jpg", None, None)],
        ),
        (
            ("fox/1.jpg", "lynx/2.jpg", "3.jpg"),
            False,
            "nested folders",
            [("3.jpg", None, None), ("fox/1.jpg", None, None), ("lynx/2.jpg", None, None)],
        ),
    ],
)
def test_read_folder__of_any_layout__has_labels_and_splits_by_folder(
    add, names, labelled, source, expected
):
    folder = add(*names)

    table = read_folder(folder, labelled=labelled)

    assert (table.source, table.warnings) == (source, ())
    assert content(folder, table) == expected


def test_read_folder__accent_in_two_characters__label_has_it_in_one(add, tmp_path):
    add(f"{unicodedata.normalize('NFD', 'étoile')}/1.jpg", "b/2.jpg")

    table = read_folder(tmp_path, labelled=True)

    assert table.classes == ("b", unicodedata.normalize("NFC", "étoile"))


def test_read_folder__class_called_train_among_others__is_a_class(add, tmp_path):
    add("train/steam/1.jpg", "bus/2.jpg")

    assert read_folder(tmp_path, labelled=True).classes == ("bus", "train")


def test_read_folder__flat_train_and_test_folders__warns_of_doubtful_names(add, tmp_path):
    add("train/1.jpg", "test/2.jpg")

    (warning,) = read_folder(tmp_path, labelled=True).warnings

    assert "are called test and train: if these are splits" in warning


@pytest.mark.parametrize("split", ["", "train/"])
def test_read_folder__empty_class__is_named(add, tmp_path, split):
    add(f"{split}fox/1.jpg", f"{split}lynx/2.jpg")
    (tmp_path / f"{split}owl").mkdir()

    (warning,) = read_folder(tmp_path, labelled=True).warnings

    assert warning == (
        f"the class folder {tmp_path / split / 'owl'} holds no pictures: put some into it, "
        "or delete it"
    )


def test_read_folder__other_files__are_counted(add, tmp_path):
    add("fox/1.jpg", "lynx/1.heic", "lynx/2.heic", "notes.txt", "lynx/LICENSE")
    add("lynx/3.jpg", ".DS_Store", "fox/Thumbs.db")

    (warning,) = read_folder(tmp_path, labelled=True).warnings

    assert warning.startswith("files whose ending is not that of a picture (2 .heic, 1 ")
    assert "1 .txt" in warning
    assert "1 no ending" in warning


def test_read_folder__loose_pictures_beside_classes__are_counted(add, tmp_path):
    add("fox/1.jpg", "lynx/2.jpg", "loose.jpg")

    table = read_folder(tmp_path, labelled=True)

    assert len(table.rows) == 2
    assert table.warnings == (f"pictures outside the class folders of {tmp_path} were left out: 1",)


def test_read_folder__flat_but_labels_needed__gives_an_example(add, tmp_path):
    add("a b.jpg", "c.jpg")

    with pytest.raises(DataError, match=r"its pictures \(2\) lie side by side") as caught:
        read_folder(tmp_path, labelled=True)

    assert str(caught.value).endswith(f"for example to {tmp_path / 'fox' / 'a b.jpg'}")


@pytest.mark.parametrize("labelled", [True, False])
def test_read_folder__empty__says_what_was_looked_for(tmp_path, labelled):
    (tmp_path / "fox").mkdir()

    with pytest.raises(DataError, match=r"expected pictures \(\.jpg, .*\) in .*found no files"):
        read_folder(tmp_path, labelled=labelled)


def test_read_folder__only_other_files__names_their_endings(add, tmp_path):
    add("fox/1.heic")

    with pytest.raises(DataError, match=r"found only files whose ending .* \(1 \.heic\)"):
        read_folder(tmp_path, labelled=True)


def test_read_folder__splits_without_labels__keep_the_split(add, tmp_path):
    add("train/fox/1.jpg", "test/fox/2.jpg", "3.jpg")

    table = read_folder(tmp_path, labelled=False)

    assert table.splits == {"test": 1, "train": 1}
    assert len(table.rows) == 3


def names(folder, paths):
    return [path.relative_to(folder).as_posix() for path in paths]


@pytest.mark.parametrize(
    ("name", "expected"), [("a.jpg", True), ("A.JPEG", True), ("a.heic", False), ("jpg", False)]
)
def test_is_picture__goes_by_the_ending_in_any_case(name, expected):
    assert is_picture(Path(name)) is expected


def test_walk__nested_folders__lists_all_files_by_path(add, tmp_path):
    add("b/2.jpg", "a/z/1.jpg", "a/3.txt", "c.jpg", "a/b.jpg")

    result = walk(tmp_path)

    assert result == sorted(path for path in tmp_path.rglob("*") if path.is_file())


def test_walk__hidden_files_and_leftovers__are_ignored(add, tmp_path):
    add(".hidden.jpg", ".git/1.jpg", "__MACOSX/1.jpg", "a/Thumbs.db", "a/1.jpg")

    assert names(tmp_path, walk(tmp_path)) == ["a/1.jpg"]


@pytest.mark.parametrize(
    ("files", "links", "start", "expected"),
    [
        (
            ("elsewhere/1.jpg", "source/fox/2.jpg"),
            {"source/lynx": "elsewhere"},
            "source",
            ["fox/2.jpg", "lynx/1.jpg"],
        ),
        (
            ("source/fox/1.jpg", "source/lynx/2.jpg"),
            {"source/fox/up": "source", "source/above": "", "source/lynx/other": "source/fox"},
            "source",
            ["fox/1.jpg", "lynx/2.jpg", "lynx/other/1.jpg"],
        ),
        (
            ("a/1.jpg", "b/2.jpg"),
            {"a/b": "b", "b/a": "a"},
            "",
            ["a/1.jpg", "a/b/2.jpg", "b/2.jpg", "b/a/1.jpg"],
        ),
    ],
    ids=["to another folder", "in circles", "to each other"],
)
def test_walk__links__are_followed_and_end(add, tmp_path, files, links, start, expected):
    add(*files)
    for link, target in links.items():
        (tmp_path / link).symlink_to(tmp_path / target)

    assert names(tmp_path / start, walk(tmp_path / start)) == expected


def test_walk__folder_that_may_not_be_opened__names_it(tmp_path, monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)

    with pytest.raises(DataError, match=r"cannot look into the folder .*: Permission denied"):
        walk(tmp_path)


def test_subfolders__lists_visible_folders_only(add, tmp_path):
    add("b/1.jpg", "a/1.jpg", ".git/x", "c.jpg")

    assert names(tmp_path, subfolders(tmp_path)) == ["a", "b"]
