from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import pytest

from metaadapter.data.user_code import OpenedFiles


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a.txt", "b.txt", "code.py"):
        (tmp_path / name).write_text(name)
    return OpenedFiles()


def test_watch__files_read_in_it__are_listed_with_their_hashes(files, tmp_path):
    Path("b.txt").read_text()
    with files.watch():
        Path("a.txt").read_text()
        os.close(os.open(tmp_path / "b.txt", os.O_RDONLY))
        (tmp_path / "code.py").read_text()
        with tempfile.TemporaryFile() as file:
            file.write(b"made by the code itself")
        Path("made.txt").write_text("made by the code itself")
        Path("made.txt").read_text()
        Path(os.__file__).read_bytes()
        assert not Path("missing.txt").exists()

    expected = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("a.txt", "b.txt")}
    assert files.hashes() == expected
