from __future__ import annotations

import pytest

from metaadapter.apps.field.species import read_allowed
from metaadapter.errors import UsageError

CLASSES = ["background", "deer", "dog", "red_fox"]


@pytest.fixture
def region(tmp_path):
    """Writes names into a file, one per line."""

    def write(*names):
        (tmp_path / "region.txt").write_text("\n".join(names), encoding="utf-8")
        return str(tmp_path / "region.txt")

    return write


def test_allowed__names_and_a_file__are_read_alike(region):
    file = region("  Red  Fox", "DEER", "", "deer")

    assert read_allowed("deer, Red Fox", CLASSES) == read_allowed(file, CLASSES)
    assert read_allowed(file, CLASSES).classes == {"deer", "red_fox"}


@pytest.mark.parametrize(
    ("given", "named"),
    [("deer,dgo", "no class 'dgo'; did you mean 'dog'"), ("wolf,deer", "no class 'wolf'")],
)
def test_allowed__unknown_name__is_refused_with_the_nearest(given, named):
    with pytest.raises(UsageError, match=named):
        read_allowed(given, CLASSES)
