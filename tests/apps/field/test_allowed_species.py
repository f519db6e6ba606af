from __future__ import annotations

import pytest

from metaadapter.apps.field.allowed_species import read_allowed
from metaadapter.errors import DataError, UsageError

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


def test_allowed__vehicle_person_and_empty__need_not_be_classes():
    assert read_allowed("deer,Vehicle,person,empty", CLASSES).classes == {"deer"}


def test_allowed__list_of_a_region__may_have_more_names_and_tells_of_near_misses(region):
    allowed = read_allowed(region("wolf", "deer", "redfox", "dogs"), CLASSES)

    assert allowed.classes == {"deer"}
    (warning,) = allowed.warnings
    assert "2 name(s)" in warning
    assert "'redfox' (did you mean 'red fox'?)" in warning
    assert read_allowed(region("wolf", "deer"), CLASSES).warnings == ()


def test_allowed__species_that_only_the_detector_names__is_known():
    allowed = read_allowed("wolf", CLASSES, others=["Wolf"])

    assert (allowed.classes, allowed.names) == (frozenset(), {"wolf"})


@pytest.mark.parametrize("given", ["background", "vehicle"])
def test_allowed__no_species_of_the_adapter__is_refused(given):
    with pytest.raises(UsageError, match="none of the adapter's classes"):
        read_allowed(given, CLASSES)


def test_allowed__file_that_is_no_text__is_refused(tmp_path):
    (tmp_path / "list.txt").write_bytes(b"\xff\xfe\xff")

    with pytest.raises(DataError, match="UTF-8"):
        read_allowed(str(tmp_path / "list.txt"), CLASSES)


def test_allowed__only_species_that_are_no_class__needs_a_class_that_is_no_species():
    with pytest.raises(UsageError, match="names none of the adapter's classes"):
        read_allowed("raccoon", ["deer", "fox"], ["raccoon"])

    assert read_allowed("raccoon", [*CLASSES], ["raccoon"]).classes == set()
