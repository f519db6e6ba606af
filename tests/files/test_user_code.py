from __future__ import annotations

import sys

import pytest

from metaadapter.errors import UsageError
from metaadapter.files.user_code import load_user_code


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
