from __future__ import annotations

import csv
import io
import shutil

import pytest

from metaadapter import AdapterLibrary
from metaadapter.adapter.files import load_adapter
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


def test_library__without_a_command__shows_its_commands(run):
    done = run("library")

    assert done.code == 0
    commands = ["add", "list", "show", "remove", "rename", "export", "import"]
    commands += ["identify", "predict", "merge"]
    assert [line.split()[0] for line in done.out.split("Commands:\n")[1].splitlines()] == commands


def test_library_add__new_library__says_what_it_has_and_what_is_next(run, adapter, tmp_path):
    done = run("library", "add", tmp_path / "my library", adapter)

    assert done.code == 0
    assert "animals added, 3 classes from 9 pictures; the library has 1 entry" in done.out
    assert f"next: metaadapter library list '{tmp_path}/my library'" in done.err
    assert entries(tmp_path / "my library") == ["animals"]


def test_library_add__name_that_is_there__ends_with_2_and_says_what_to_do(run, adapter, library):
    done = run("library", "add", library, adapter)

    assert done.code == 2
    assert "already has an entry 'animals'; choose another name (--name), or" in done.err
    assert run("library", "add", library, adapter, "--replace").code == 0
    assert run("library", "add", library, adapter, "--name", "more").code == 0
    assert entries(library) == ["animals", "more"]


@pytest.mark.parametrize(
    ("command", "code", "reason"),
    [
        ("add {new} {pictures}", 4, "is not an adapter"),
        ("add {new} {adapter} --name a/b", 2, "the name 'a/b' contains '/'"),
        ("import {new} a b --name x", 2, "--name names one entry, but 2 files are given"),
        *(
            (command, 4, "nowhere is not a library: expected a folder with library.json")
            for command in ("list {new}", "show {new} x", "remove {new} x", "rename {new} x y")
        ),
        ("export {new} x x.adapter", 4, "is not a library: expected a folder with library.json"),
        *(
            (f"{command} --json", 2, "has no entry 'animal'; did you mean 'animals'?")
            for command in ("show {library} animal", "remove {library} animal")
        ),
        ("rename {library} animal x", 2, "has no entry 'animal'; did you mean 'animals'?"),
        ("export {library} animal x.adapter", 2, "has no entry 'animal'; did you mean 'animals'?"),
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


def test_library_list__for_people__has_titles(run, library, terminal):
    done = run("library", "list", library)

    assert all(title in done.out for title in ("name", "classes", "pictures", "encoder", "bytes"))


def test_library_list__damaged_entry__is_marked_with_the_reason(run, library):
    (library / "entries" / "broken.adapter").write_bytes(b"half a file of some adapter or other")

    done = run("library", "list", library)

    assert done.code == 0
    assert "broken\t\t\t\t36\tdamaged" in done.out
    assert "damaged: 1; the other entries can be used" in done.err
    assert "broken.adapter is damaged or was changed: it is no zip file" in done.err


def test_library_show__tells_of_classes_and_what_it_is_made_of(run, library, encoder):
    done = run("library", "show", library, "animals")

    assert done.code == 0
    assert done.out == "heron\theron\t3\nlynx\tlynx\t3\nred_fox\tred fox\t3\n"
    assert f"encoder {encoder}, features" in done.err
    assert "features of the pictures: kept" in done.err


def test_library_rename_and_remove__do_what_they_say(run, library):
    assert "animals is now beasts" in run("library", "rename", library, "animals", "beasts").out
    assert entries(library) == ["beasts"]

    done = run("library", "remove", library, "beasts")

    assert "beasts removed; the library has 0 entries" in done.out
    assert "the library is empty" in run("library", "list", library).err


def test_library_export_and_import__give_the_same_file(run, library, tmp_path):
    file, other = tmp_path / "a" / "given.adapter", tmp_path / "other"

    assert run("library", "export", library, "animals", file).code == 0
    done = run("library", "import", other, file)

    assert f"given added from {file}" in done.out
    imported = other / "entries" / "given.adapter"
    assert imported.read_bytes() == (library / "entries" / "animals.adapter").read_bytes()


def test_library_export__no_features__says_so(run, library, tmp_path):
    file = tmp_path / "given.adapter"

    done = run("library", "export", library, "animals", file, "--no-features")

    assert "animals, without its support" in done.out
    assert "still has 9 features of pictures as keys" in done.err
    assert load_adapter(file).support is None


def test_library_import__one_damaged_file__adds_none(run, library, tmp_path):
    good, bad = tmp_path / "good.adapter", tmp_path / "bad.adapter"
    shutil.copy(library / "entries" / "animals.adapter", good)
    bad.write_bytes(good.read_bytes()[:-100])

    done = run("library", "import", library, good, bad)

    assert done.code == 3
    assert "bad.adapter is damaged" in done.err
    assert entries(library) == ["animals"]


def test_doctor_verify__library__checks_every_entry(run, library):
    done = run("doctor", "--verify", library, "--json")

    assert done.code == 0
    names = [check["name"] for check in done.document["checks"]]
    assert "library.json" in names
    assert "entries/animals.adapter/adapter_model.safetensors" in names


@pytest.mark.parametrize("place", ["library", "file"])
def test_doctor_verify__damaged_tensors_of_an_entry__are_named(run, library, place):
    entry = library / "entries" / "animals.adapter"
    content = bytearray(entry.read_bytes())
    content[len(content) // 2] ^= 1
    entry.write_bytes(content)

    done = run("doctor", "--verify", library if place == "library" else entry)

    assert done.code == 3
    assert "animals.adapter is damaged or was changed" in done.out


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


def test_add__to_a_skill_file_in_place__replaces_it(run, library):
    entry = library / "entries" / "animals.adapter"

    done = run("add", entry, "wolf", "--text", "a grey wolf")

    assert done.code == 0
    opened = AdapterLibrary.open(library)
    assert opened.facts("animals").classes == ["heron", "lynx", "red_fox", "wolf"]
    assert opened.signature("animals").text.any(1).all()


def test_adapt__out_that_ends_in_adapter__writes_a_skill_file(adapt, labelled, tmp_path):
    out = tmp_path / "new" / "animals.adapter"

    done = adapt(labelled, out=out)

    assert done.code == 0
    assert out.is_file()
    assert [path.name for path in out.parent.iterdir() if path.suffix != ".lock"] == [out.name]
