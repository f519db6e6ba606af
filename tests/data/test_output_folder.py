from __future__ import annotations

import os

import pytest

from metaadapter.data.output_folder import replace_file, write_errors
from metaadapter.errors import DataError


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


def test_replace__another_writer_is_faster__leaves_what_he_writes(tmp_path, monkeypatch):
    def be_overtaken(unfinished, **_):
        monkeypatch.undo()
        unfinished.write_text("his")

    monkeypatch.setattr(type(tmp_path), "unlink", be_overtaken)

    with pytest.raises(FileExistsError):
        replace_file(tmp_path / "a.txt", "mine")

    assert (tmp_path / "a.txt.tmp").read_text() == "his"


def test_replace__before_the_new_file_takes_the_name__it_is_on_disk(tmp_path, monkeypatch):
    steps, sync, rename = [], os.fsync, os.replace

    monkeypatch.setattr(os, "fsync", lambda handle: (steps.append("sync"), sync(handle)))
    monkeypatch.setattr(os, "replace", lambda *paths: (steps.append("rename"), rename(*paths)))
    replace_file(tmp_path / "a.txt", b"new")

    assert steps == ["sync", "rename", "sync"]  # the last one is that of the folder


def test_write_errors__folder_in_the_place_of_a_file__is_named(tmp_path):
    (taken := tmp_path / "rows.csv").mkdir()

    message = rf"cannot write the evaluation e: {taken}: Is a directory; remove it, or choose"
    with pytest.raises(DataError, match=message), write_errors("the evaluation e"):
        replace_file(taken, b"rows")

    assert taken.is_dir()
    assert list(tmp_path.iterdir()) == [taken]
