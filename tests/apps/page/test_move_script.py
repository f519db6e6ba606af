"""The script that moves the user's own files goes by their contents, whatever their names are."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess

import pytest

from metaadapter.apps.page.routes.downloads import SortedPicture, move_script

SHELLS = [name for name in ("sh", "bash", "dash", "zsh") if shutil.which(name)]
needs_shell = pytest.mark.skipif(not SHELLS, reason="no shell on this system")
pytestmark = needs_shell


def sorted_picture(content, name, folder):
    key = hashlib.sha256(content.encode()).hexdigest()[:32]
    return SortedPicture(key, name, folder, folder, None)


@pytest.fixture
def write(tmp_path):
    """Write files, given as path → content."""

    def write_them(files):
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    return write_them


@pytest.fixture
def move(tmp_path):
    """Run the script for pictures, given as (content, name, folder); return what it prints."""

    def move_them(*pictures, shell="sh", **environment):
        script = move_script([sorted_picture(*picture) for picture in pictures])
        done = subprocess.run(
            [shell, "-s"],
            input=script,
            cwd=tmp_path,
            capture_output=True,
            env={**os.environ, **environment},
        )
        assert (done.returncode, done.stderr) == (0, b""), done.stderr
        return done.stdout.decode()

    return move_them


def files_in(folder):
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("shell", SHELLS)
def test_files__of_one_name_in_every_class__go_where_their_contents_belong(
    tmp_path, write, move, shell
):
    classes = ("deer", "fox", "hare", "boar", "lynx", "none of these")
    write({f"card {n}/001.jpg": f"a {label}" for n, label in enumerate(classes)})
    write({"001.jpg": "another picture, which the page has never seen"})
    pictures = [(f"a {label}", "001.jpg", label) for label in classes]

    move(*pictures, shell=shell)
    after = files_in(tmp_path)
    again = move(*pictures, shell=shell)

    assert after == {
        "001.jpg": "another picture, which the page has never seen",
        **{f"{label}/001.jpg": f"a {label}" for label in classes},
    }
    assert files_in(tmp_path) == after
    assert again == "0 pictures moved, 6 are in their folders already.\n"


def test_files__of_one_name_and_class__get_numbers_and_replace_nothing(tmp_path, write, move):
    write({"a/1.jpg": "one", "b/1.jpg": "two", "c/1": "three", "fox/1.jpg": "mine", "fox/1": "x"})
    names = [("one", "1.jpg", "fox"), ("two", "1.jpg", "fox"), ("three", "1", "fox")]

    said = move(*names)

    there = files_in(tmp_path)
    assert there["fox/1.jpg"] == "mine"
    assert {there["fox/1 (2).jpg"], there["fox/1 (3).jpg"]} == {"one", "two"}
    assert (there["fox/1"], there["fox/1 (2)"]) == ("x", "three")
    assert len(there) == 5
    assert said == "3 pictures moved, 0 are in their folders already.\n"


STRANGE = [
    "it's $(touch hacked) `touch hacked`.jpg",
    "-rf.jpg",
    "--help",
    '"quoted" & more; touch hacked.jpg',
    " two  blanks .jpg",
    "*.jpg",
    "ünï☃.jpg",
    "%s%n.jpg",
]


def test_names__of_any_kind__are_names_and_nothing_is_run(tmp_path, write, move):
    write({name: f"content of {name}" for name in STRANGE})

    move(*((f"content of {name}", name, "it's $(touch hacked) -n") for name in STRANGE))

    assert files_in(tmp_path) == {
        f"it's $(touch hacked) -n/{name}": f"content of {name}" for name in STRANGE
    }
