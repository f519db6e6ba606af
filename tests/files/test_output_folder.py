from __future__ import annotations

import os

import pytest

from metaadapter.files.output_folder import replace_file


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
