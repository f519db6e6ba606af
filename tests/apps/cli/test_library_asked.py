"""`metaadapter library identify` and `predict`."""

from __future__ import annotations

import csv
import io
import shutil

import pytest

from metaadapter import AdapterLibrary
from metaadapter.apps.cli.app import main

COLOURS = {"iris": (120, 60, 180), "poppy": (220, 40, 40)}


@pytest.fixture(scope="module")
def kept(tmp_path_factory, adapter, encoder, other_encoder, picture):
    """Three classes of animals, two of flowers, and the flowers through another encoder."""
    folder = tmp_path_factory.mktemp("asked")
    for label, colour in COLOURS.items():
        for number in range(3):
            picture(folder / "flowers" / label / f"{number}.png", colour, number)
    for name, by in (("flowers", encoder), ("others", other_encoder)):
        adapt = ("adapt", folder / "flowers", "--out", folder / f"{name}.adapter", "--encoder", by)
        assert main([*map(str, adapt), "--quiet"]) == 0
    library = folder / "library"
    for path in (adapter, folder / "flowers.adapter", folder / "others.adapter"):
        assert main(["library", "add", str(library), str(path), "--quiet"]) == 0
    return library


@pytest.fixture
def library(kept, tmp_path):
    return shutil.copytree(kept, tmp_path / "library")


@pytest.fixture(scope="module")
def flowers(kept):
    return kept.parent / "flowers"


def table(done):
    return list(csv.reader(io.StringIO(done.out), "excel-tab"))


def test_identify__pictures__tells_the_entry_and_names_those_left_out(run, library, flowers):
    done = run("library", "identify", library, flowers / "iris")

    assert done.code == 0
    assert len(table(done)) == 3
    for path, entry, probability, other, others_probability, known in table(done):
        assert path.startswith(str(flowers / "iris"))
        assert {entry, other} <= {"animals", "flowers", "none"}
        assert all(0 <= float(share) <= 1 for share in (probability, others_probability, known))
    assert "entries left out of all answers: 1" in done.err
    assert "others: it has another encoder" in done.err


def test_predict__pictures_of_two_entries__answers_as_the_library_does(
    run, library, flowers, unlabelled
):
    done = run("library", "predict", library, flowers, unlabelled, "--json")

    assert done.code == 0
    classes = {"iris", "poppy", "heron", "lynx", "red_fox"}
    assert done.document["n_pictures"] == 12
    assert done.document["domains"] == [["animals", "flowers"]]
    shown = run("library", "predict", library, flowers, unlabelled)
    assert "entries of one domain, answered by one adapter: animals, flowers" in shown.err
    rows = table(shown)
    for row, answer in zip(rows, done.document["predictions"], strict=True):
        assert answer["label"] in classes
        assert row == [
            *(answer[key] for key in ("path", "label", "entry")),
            *(f"{answer[key]:.4f}" for key in ("probability", "known")),
            "unfamiliar" if answer["unfamiliar"] else "",
        ]


@pytest.mark.parametrize("command", ["identify", "predict"])
def test_asked__no_entry_that_answers__is_told(run, library, flowers, tmp_path, command):
    AdapterLibrary.open(tmp_path / "empty")

    of_none = run("library", command, tmp_path / "empty", flowers)
    of_tiny = run("library", command, library, flowers, "--encoder", "tiny")

    assert of_none.code == 2
    assert "has no entry that can be used; add one: metaadapter library add" in of_none.err
    assert of_tiny.code == 4
    assert "was made with the encoder" in of_tiny.err
