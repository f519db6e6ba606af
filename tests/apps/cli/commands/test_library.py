from __future__ import annotations

import csv
import io
import shutil

import pytest

from metaadapter import AdapterLibrary
from metaadapter.apps.cli.app import main


@pytest.fixture(scope="module")
def kept(tmp_path_factory, adapter):
    folder = tmp_path_factory.mktemp("libraries") / "kept"
    assert main(["library", "add", str(folder), str(adapter), "--quiet"]) == 0
    return folder


@pytest.fixture
def library(kept, tmp_path):
    """A library with one entry, animals."""
    return shutil.copytree(kept, tmp_path / "library")


def entries(folder):
    return AdapterLibrary.open(folder, create=False).names


def test_library_add__new_library__says_what_it_has_and_what_is_next(run, adapter, tmp_path):
    done = run("library", "add", tmp_path / "my library", adapter)

    assert done.code == 0
    assert "animals added, 3 classes from 9 pictures; entries: 1" in done.out
    assert f"next: metaadapter library list '{tmp_path}/my library'" in done.err
    assert entries(tmp_path / "my library") == ["animals"]


@pytest.mark.parametrize(
    ("command", "code", "reason"),
    [
        ("add {new} {pictures}", 4, "is not an adapter"),
        ("add {new} {adapter} --name a/b", 2, "the name 'a/b' is not possible"),
        *(
            (command, 4, "nowhere is not a library: expected a folder with library.json")
            for command in ("list {new}", "remove {new} x", "identify {new} x", "predict {new} x")
        ),
        ("remove {library} animal --json", 2, "has no entry 'animal'; it has 'animals'"),
    ],
)
def test_library__what_cannot_be__is_told_and_makes_no_library(
    run, adapter, library, labelled, tmp_path, command, code, reason
):
    new = tmp_path / "nowhere"
    places = {"new": new, "library": library, "adapter": adapter, "pictures": labelled}

    done = run("library", *(part.format(**places) for part in command.split()))

    assert done.code == code
    assert reason in done.err
    assert not new.exists()
    if "--json" in command:
        assert done.document["error"]["kind"] == "usage"


def test_library_list__without_a_terminal__is_tab_separated(run, library, encoder):
    done = run("library", "list", library)

    (row,) = csv.reader(io.StringIO(done.out), "excel-tab")
    size = (library / "entries" / "animals.adapter").stat().st_size
    assert row == ["animals", "3", "9", str(encoder), str(size), ""]


def test_library_list__damaged_entry__is_marked_with_the_reason(run, library):
    (library / "entries" / "broken.adapter").write_bytes(b"half a file of some adapter or other")

    done = run("library", "list", library)

    assert done.code == 0
    assert "broken\t\t\t\t36\tdamaged" in done.out
    assert "damaged: 1; the other entries can be used" in done.err
    assert "broken.adapter is damaged or was changed: it is no zip file" in done.err


@pytest.mark.parametrize("kind", ["folder", "skill file"])
def test_adapter__as_a_folder_or_a_skill_file__is_the_same_to_every_command(
    run, adapter, library, unlabelled, labelled, tmp_path, kind
):
    source = adapter if kind == "folder" else library / "entries" / "animals.adapter"
    out = tmp_path / ("wolf" if kind == "folder" else "wolf.adapter")

    predicted = run("predict", source, unlabelled, "--json")
    added = run("add", source, "wolf", "--text", "a grey wolf", "--out", out, "--json")
    verified = run("doctor", "--verify", out)

    expected = run("predict", adapter, unlabelled, "--json").document
    assert predicted.document == {**expected, "adapter": str(source)}
    assert added.document["counts"] == {"heron": 3, "lynx": 3, "red_fox": 3, "wolf": 0}
    assert verified.code == 0
    assert out.is_file() == (kind == "skill file")
