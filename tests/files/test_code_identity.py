from __future__ import annotations

import pytest

from metaadapter.files.code_identity import code_identity
from metaadapter.generator.generator import Generator

OWN = """\
import json
from os import path

from metaadapter.training.divergence import symmetric_divergence

import helper


def method(support):
    import later

    return helper.scaled(support.zero_shot(), later.FACTOR)
"""
FILES = {
    "own": OWN,
    "helper": "from parts import inner\nFACTOR = 1\n",
    "later": "FACTOR = 1\n",
    "parts/__init__": "",
    "parts/inner": "from .sibling import FACTOR\n",
    "parts/sibling": "FACTOR = 1\n",
    "another": "FACTOR = 1\n",
}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / f"{name}.py").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


def test_code_identity__of_a_file__changes_with_the_modules_beside_it_that_it_imports(folder):
    before = code_identity(folder / "own.py")

    for name, text in FILES.items():
        file = folder / f"{name}.py"
        file.write_text(f"{text}\nEDITED = True\n")
        assert (code_identity(folder / "own.py") == before) == (name == "another"), name
        file.write_text(text)
    assert code_identity(folder / "own.py") == before


def test_code_identity__class_typed_in__changes_with_its_methods():
    def typed(text):
        names = {"__name__": "__main__", "Generator": Generator}
        exec(text, names)
        names["Own"].__module__ = "builtins"
        return code_identity(names["Own"])

    one = typed("class Own:\n    def f(self):\n        return 1\n")

    assert one == typed("class Own:\n    def f(self):\n        return 1\n")
    assert one != typed("class Own:\n    def f(self):\n        return 2\n")
