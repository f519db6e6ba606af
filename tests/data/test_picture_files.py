from __future__ import annotations

from pathlib import Path

import pytest

from metaadapter.data.folder import is_picture, subfolders, walk
from metaadapter.errors import DataError


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
