"""`metaadapter library identify`, `predict` and `merge`."""

from __future__ import annotations

import csv
import io
import shutil

import pytest
import torch

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
        assert all(0 <= float(each) <= 1 for each in (probability, others_probability, known))
    assert "entries left out of all answers: 1" in done.err
    assert "others: its encoder is another one" in done.err


def test_identify__together__is_one_answer_for_all(run, library, flowers):
    done = run("library", "identify", library, flowers, "--together", "--json")

    (answer,) = done.document["answers"]
    assert answer["path"] is None
    assert answer["likely"][0]["entry"] == "flowers"
    assert [each["entry"] for each in answer["likely"]] == ["flowers", "animals"]
    assert list(done.document["left_out"]) == ["others"]


@pytest.mark.parametrize("top", [1, 2, 3])
def test_identify__top__is_the_number_of_entries_told(run, library, flowers, top):
    done = run("library", "identify", library, flowers, "--together", "--top", top)

    (row,) = table(done)
    assert len(row) == 2 + 2 * top


def test_identify__encoder_of_fewer_entries__asks_those(run, library, flowers, other_encoder):
    done = run("library", "identify", library, flowers, "--encoder", other_encoder, "--json")

    assert {answer["likely"][0]["entry"] for answer in done.document["answers"]} == {"others"}
    assert sorted(done.document["left_out"]) == ["animals", "flowers"]


def test_identify__names__tells_the_task_they_are_like(run, library):
    done = run("library", "identify", library, "--names", "iris, poppy", "--json")

    (answer,) = done.document["answers"]
    assert (answer["path"], answer["known"], answer["entry"]) == (None, None, "flowers")
    assert done.document["names"] == ["iris", "poppy"]
    row = table(run("library", "identify", library, "--names", "iris,poppy"))[0]
    assert (row[0], row[1], row[-1]) == ("", "flowers", "")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ([], "give either pictures or --names"),
        (["x.png", "--names", "a"], "give either pictures or --names"),
        (["--names", "a", "--together"], "--together needs pictures"),
        (["--names", ","], "give names of classes, and the encoder"),
    ],
)
def test_identify__what_cannot_be_together__ends_with_2(run, library, more, told):
    done = run("library", "identify", library, *more)

    assert done.code == 2
    assert told in done.err


def test_identify__pictures_unlike_all__are_of_none(run, library, unlabelled, monkeypatch):
    monkeypatch.setattr(
        "metaadapter.apps.library.route.known_threshold", lambda *_: torch.tensor(1.1)
    )

    done = run("library", "identify", library, unlabelled)

    assert {row[1] for row in table(done)} == {"none"}
    answers = run("library", "identify", library, unlabelled, "--json").document["answers"]
    assert {answer["entry"] for answer in answers} == {None}
    assert {answer["likely"][0]["entry"] for answer in answers} <= {"animals", "flowers"}


@pytest.mark.parametrize("k", [1, 2])
def test_predict__pictures_of_two_entries__answers_as_the_library_does(
    run, library, flowers, unlabelled, k
):
    done = run("library", "predict", library, flowers, unlabelled, "-k", k, "--json")

    assert done.code == 0
    classes = {"iris", "poppy", "heron", "lynx", "red_fox"}
    assert done.document["n_pictures"] == 12
    assert {each["label"] for each in done.document["predictions"]} <= classes
    rows = table(run("library", "predict", library, flowers, unlabelled, "-k", k))
    wanted = [
        [
            each["path"],
            each["label"],
            each["entry"],
            *(f"{each[key]:.4f}" for key in ("probability", "known")),
            "unfamiliar" if each["unfamiliar"] else "",
        ]
        for each in done.document["predictions"]
    ]
    assert rows == wanted


def test_predict__reject__answers_unknown_and_says_how_many(run, library, unlabelled, monkeypatch):
    monkeypatch.setattr(
        "metaadapter.apps.library.route.known_threshold", lambda *_: torch.tensor(1.1)
    )

    done = run("library", "predict", library, unlabelled, "--reject")

    assert {row[1] for row in table(done)} == {"unknown"}
    assert "6 of 6 pictures look unfamiliar: they are answered `unknown`" in done.err
    without = run("library", "predict", library, unlabelled)
    assert "they may show none of the classes" in without.err
    assert "unknown" not in {row[1] for row in table(without)}


def test_predict__reject_with_a_class_of_that_name__ends_with_2(
    run, library, flowers, encoder, tmp_path
):
    shutil.copytree(flowers / "iris", tmp_path / "mine" / "iris")
    shutil.copytree(flowers / "poppy", tmp_path / "mine" / "unknown")
    out = tmp_path / "mine.adapter"
    assert run("adapt", tmp_path / "mine", "--out", out, "--encoder", encoder).code == 0
    assert run("library", "add", library, out).code == 0

    done = run("library", "predict", library, flowers, "--reject")

    assert done.code == 2
    assert "the entry 'mine' has a class 'unknown', which is the label of --reject too" in done.err


def test_predict__csv__is_a_table_whose_names_are_no_formulas(
    run, library, flowers, tmp_path, monkeypatch
):
    (tmp_path / "=1+1").mkdir()
    shutil.copy(flowers / "iris" / "0.png", tmp_path / "=1+1" / "a.png")
    monkeypatch.chdir(tmp_path)

    done = run("library", "predict", library, "=1+1", "--csv", "answers.csv")

    (row,) = csv.DictReader(io.StringIO((tmp_path / "answers.csv").read_text(encoding="utf-8")))
    assert list(row) == ["path", "label", "entry", "probability", "known", "unfamiliar"]
    assert row["path"] == "'=1+1/a.png"
    assert done.out == ""
    assert "wrote 1 predictions to answers.csv" in done.err
    assert table(run("library", "predict", library, "=1+1"))[0][0] == "'=1+1/a.png"


def test_predict__csv_that_cannot_be_written__ends_with_3(run, library, flowers, tmp_path):
    done = run("library", "predict", library, flowers, "--csv", tmp_path / "no" / "answers.csv")

    assert done.code == 3
    assert "cannot write" in done.err
    assert "choose another --csv" in done.err


def test_predict__unreadable_picture__is_listed_and_stops_nothing(run, library, flowers, tmp_path):
    shutil.copytree(flowers / "iris", tmp_path / "new")
    (tmp_path / "new" / "bad.png").write_bytes(b"no picture")

    done = run("library", "predict", library, tmp_path / "new", "--json")

    assert (done.code, done.document["n_pictures"]) == (0, 3)
    (bad,) = done.document["quarantined"]
    assert bad["path"].endswith("bad.png")


@pytest.mark.parametrize("command", ["identify", "predict"])
def test_asked__library_without_entries__ends_with_2(run, tmp_path, flowers, command):
    AdapterLibrary.open(tmp_path / "empty")

    done = run("library", command, tmp_path / "empty", flowers)

    assert done.code == 2
    assert "has no entry that can be used; add one: metaadapter library add" in done.err


@pytest.mark.parametrize("command", ["identify", "predict"])
def test_asked__encoder_of_no_entry__ends_with_4(run, library, flowers, command):
    done = run("library", command, library, flowers, "--encoder", "tiny")

    assert done.code == 4
    assert "was made with the encoder" in done.err


@pytest.mark.parametrize("command", ["identify", "predict"])
def test_asked__damaged_entry__is_named_and_the_others_answer(run, library, flowers, command):
    (library / "entries" / "animals.adapter").write_bytes(b"half a file")

    done = run("library", command, library, flowers)

    assert done.code == 0
    assert len(table(done)) == 6
    assert "animals: " in done.err
    assert "is damaged" in done.err


def test_asked__feature_store__needs_no_encoder(run, library, flowers, encoder, tmp_path):
    store = tmp_path / "store"
    assert run("encode", flowers, "--out", store, "--encoder", encoder).code == 0

    found = run("library", "predict", library, store, "--json").document["predictions"]

    pictures = run("library", "predict", library, flowers, "--json").document["predictions"]
    assert [each["label"] for each in found] == [each["label"] for each in pictures]


def test_merge__two_entries__adds_one_of_all_classes(run, library, flowers):
    done = run("library", "merge", library, "animals", "flowers", "--name", "all")

    assert done.code == 0
    assert "all merged from animals, flowers, 5 classes from 15 pictures" in done.out
    assert AdapterLibrary.open(library).names == ["all", "animals", "flowers", "others"]
    again = run("library", "merge", library, "animals", "flowers", "--name", "all")
    assert again.code == 2
    assert "already has an entry 'all'; choose another name (--name), or" in again.err
    more = ("animals", "flowers", "--name", "all", "--replace", "--json")
    assert run("library", "merge", library, *more).document["has_features"]
    assert run("predict", library / "entries" / "all.adapter", flowers).code == 0


def test_merge__entry_without_features__says_what_stood_in(run, library, tmp_path):
    given = tmp_path / "given.adapter"
    assert run("library", "export", library, "flowers", given, "--no-features").code == 0
    assert run("library", "import", library, given).code == 0

    done = run("library", "merge", library, "animals", "given", "--name", "all")

    assert done.code == 0
    assert "so their signatures were used" in done.err


def test_merge__entries_of_two_encoders__ends_with_4(run, library):
    done = run("library", "merge", library, "animals", "others", "--name", "all")

    assert done.code == 4
    assert "the adapter 'others', merged with 'animals', was made with the encoder" in done.err
