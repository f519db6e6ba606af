from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path

import pytest

from metaadapter.data.user_code import OpenedFiles, load_user_code
from metaadapter.errors import UsageError


@pytest.fixture
def write(tmp_path):
    def write(text, name="mine.py"):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


def test_load_user_code__function_with_a_helper_beside_it__can_be_called(write):
    write("FACTOR = 3\n", name="helper_of_mine.py")
    file = write("import helper_of_mine\n\ndef times(x):\n    return helper_of_mine.FACTOR * x\n")

    assert load_user_code(f"{file}:times", kind="method")(2) == 6


def test_load_user_code__file_changed__is_run_again_and_otherwise_not(write):
    file = write("class Mine:\n    size = 1\n")
    first = load_user_code(f"{file}:Mine", kind="method")

    assert load_user_code(f"{file}:Mine", kind="method") is first
    write("class Mine:\n    size = 2\n")
    assert load_user_code(f"{file}:Mine", kind="method").size == 2


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("x = 1\n", "gone.py:f", r"encoder '.*gone\.py:f': cannot read .*gone\.py: No such file"),
        (
            "x = 1\n",
            "mine.py:f",
            r"mine\.py has no 'f'; write after the colon the name of a function or class",
        ),
        ("x = 1\n\ny = (\n", "mine.py:x", r"cannot be loaded: SyntaxError: .*mine\.py, line 3"),
        ("import sys\n\nsys.exit(2)\n", "mine.py:x", r"SystemExit: 2 \(mine\.py, line 3\)"),
        ("import json\n\n1 / 0\n", "mine.py:x", r"ZeroDivisionError: .* \(mine\.py, line 3\)"),
    ],
)
def test_load_user_code__cannot_be_had__says_why_and_where(write, tmp_path, text, name, message):
    write(text)
    modules = set(sys.modules)

    with pytest.raises(UsageError, match=message):
        load_user_code(str(tmp_path / name), kind="encoder")

    assert not {item for item in set(sys.modules) - modules if name != "mine.py:f"}


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
