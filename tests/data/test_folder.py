from __future__ import annotations

import unicodedata

import pytest

from metaadapter.data.folder import read_folder
from metaadapter.data.walk import walk


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


@pytest.mark.parametrize("split", ["", "train/"])
def test_read_folder__empty_class__is_named(add, tmp_path, split):
    add(f"{split}fox/1.jpg", f"{split}lynx/2.jpg")
    (tmp_path / f"{split}owl").mkdir()

    (warning,) = read_folder(tmp_path, labelled=True).warnings

    assert warning == (
        f"the class folder {tmp_path / split / 'owl'} holds no pictures: put some into it, "
        "or delete it"
    )


def names(folder, paths):
    return [path.relative_to(folder).as_posix() for path in paths]


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
