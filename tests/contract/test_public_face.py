"""`from metaadapter import …`: the names that scripts are written against, loaded when used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import metaadapter

HEAVY = {"torch", "numpy", "open_clip", "sklearn", "PIL", "rich", "typer", "beartype"}


def loaded_by(statement: str) -> set[str]:
    """Heavy packages that a fresh interpreter has loaded after the statement."""
    code = f"import sys; {statement}; print(*({HEAVY} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_public_face__the_package_itself__loads_nothing_heavy():
    assert loaded_by("import metaadapter") == set()


def test_public_face__a_name__loads_what_it_needs_but_no_shape_checker():
    loaded = loaded_by("from metaadapter import Generator")

    assert "torch" in loaded
    assert "open_clip" not in loaded
    assert "beartype" not in loaded


@pytest.mark.parametrize("name", metaadapter.__all__)
def test_public_face__each_name__is_there_and_says_who_it_is(name):
    value = getattr(metaadapter, name)

    assert value.__name__ == name


def test_public_face__lists_its_names():
    assert set(dir(metaadapter)) == set(metaadapter.__all__)
