from __future__ import annotations

import os

import pytest

from metaadapter.atomic_files import change_folder, replace_file


@pytest.mark.parametrize(
    "content", [b"caf\xc3\xa9\n", "café\n", lambda file: file.write("café\n".encode())]
)
def test_replace__bytes_text_or_function__are_the_whole_file(tmp_path, content):
    (tmp_path / "a.txt").write_text("much longer than what comes now")

    replace_file(tmp_path / "a.txt", content)

    assert (tmp_path / "a.txt").read_bytes() == b"caf\xc3\xa9\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_replace__stopped_while_writing__leaves_the_old_file_alone(tmp_path, error):
    (tmp_path / "a.txt").write_text("old")

    def write_half(file):
        file.write(b"ne")
        raise error

    with pytest.raises(type(error)):
        replace_file(tmp_path / "a.txt", write_half)

    assert (tmp_path / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_replace__before_the_new_file_takes_the_name__it_is_on_disk(tmp_path, monkeypatch):
    steps, sync, rename = [], os.fsync, os.replace

    monkeypatch.setattr(os, "fsync", lambda handle: (steps.append("sync"), sync(handle)))
    monkeypatch.setattr(os, "replace", lambda *paths: (steps.append("rename"), rename(*paths)))
    replace_file(tmp_path / "a.txt", b"new")

    assert steps == ["sync", "rename", "sync"]  # the last one is that of the folder


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "a.txt").write_text("old a")
    (folder / "b.txt").write_text("old b")
    return folder


def test_change_folder__change__takes_effect_as_a_whole(folder, tmp_path):
    seen = []

    def change(copy):
        (copy / "a.txt").write_text("new a")
        seen.append(contents(folder))
        (copy / "c.txt").write_text("new c")

    change_folder(folder, change)

    assert seen == [{"a.txt": "old a", "b.txt": "old b"}]
    assert contents(folder) == {"a.txt": "new a", "b.txt": "old b", "c.txt": "new c"}
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_change_folder__stopped_half_way__leaves_the_folder_alone(folder, tmp_path, error):
    def change(copy):
        (copy / "a.txt").write_text("new a")
        raise error

    with pytest.raises(type(error)):
        change_folder(folder, change)

    assert contents(folder) == {"a.txt": "old a", "b.txt": "old b"}
    assert list(tmp_path.iterdir()) == [folder]


def test_change_folder__stopped_while_they_change_places__leaves_the_folder_alone(
    folder, tmp_path, monkeypatch
):
    rename = os.rename

    def rename_the_old_one_only(source, target):
        if str(source).endswith(".new"):
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(os, "rename", rename_the_old_one_only)

    with pytest.raises(KeyboardInterrupt):
        change_folder(folder, lambda copy: (copy / "a.txt").write_text("new a"))

    assert contents(folder) == {"a.txt": "old a", "b.txt": "old b"}
    assert list(tmp_path.iterdir()) == [folder]


def test_change_folder__after_a_kill_between_the_two_renames__has_the_old_files(folder, tmp_path):
    folder.rename(tmp_path / ".adapter.old")

    change_folder(folder, lambda copy: (copy / "a.txt").write_text("new a"))

    assert contents(folder) == {"a.txt": "new a", "b.txt": "old b"}
    assert list(tmp_path.iterdir()) == [folder]


def test_change_folder__old_one_that_cannot_be_removed__is_no_failure(
    folder, tmp_path, monkeypatch
):
    rmdir = os.rmdir

    def refuse(path, **more):
        if str(path).endswith(".old"):
            raise OSError("busy")
        rmdir(path, **more)

    monkeypatch.setattr(os, "rmdir", refuse)

    change_folder(folder, lambda copy: (copy / "a.txt").write_text("new a"))

    assert contents(folder)["a.txt"] == "new a"
