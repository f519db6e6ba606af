"""`metaadapter library identify`, `predict` and `merge`."""

from __future__ import annotations

import csv
import io
import shutil
from collections import Counter

import pytest
import torch

from metaadapter import AdapterLibrary
from metaadapter.apps.cli.app import main
from tests.small_pictures import CLASSES

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


def test_identify__together__is_one_answer_for_all(run, library, flowers):
    identify = ("library", "identify", library, flowers, "--together")

    document = run(*identify, "--json").document

    (answer,) = document["answers"]
    assert answer["path"] is None
    assert [likely["entry"] for likely in answer["likely"]] == ["flowers", "animals"]
    assert list(document["left_out"]) == ["others"]
    for top in (1, 2, 3):
        (row,) = table(run(*identify, "--top", top))
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
    ("more", "reason"),
    [
        ([], "give either pictures or --names"),
        (["x.png", "--names", "a"], "give either pictures or --names"),
        (["--names", "a", "--together"], "--together is about pictures"),
        (["--names", ","], "give names of classes, and the encoder"),
    ],
)
def test_identify__what_cannot_be_together__ends_with_2(run, library, more, reason):
    done = run("library", "identify", library, *more)

    assert done.code == 2
    assert reason in done.err


@pytest.fixture
def nothing_is_known(monkeypatch):
    """No picture is like the pictures of an entry."""
    threshold = "metaadapter.apps.library.route.known_threshold"
    monkeypatch.setattr(threshold, lambda *_: torch.tensor(1.1))


def test_identify__pictures_unlike_all__are_of_none(run, library, unlabelled, nothing_is_known):
    done = run("library", "identify", library, unlabelled)

    assert {row[1] for row in table(done)} == {"none"}
    answers = run("library", "identify", library, unlabelled, "--json").document["answers"]
    assert {answer["entry"] for answer in answers} == {None}
    assert {answer["likely"][0]["entry"] for answer in answers} <= {"animals", "flowers"}


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


def test_predict__pictures_from_elsewhere__names_the_entry_and_the_command(
    run, library, picture, tmp_path
):
    for number in range(24):
        colour = [level // 2 for level in [*CLASSES.values()][number % 3]]
        picture(tmp_path / "dusk" / f"{number}.png", colour, number)

    done = run("library", "predict", library, tmp_path / "dusk", "--json")

    entries = Counter(row["entry"] for row in done.document["predictions"])
    shifts = done.document["shift"]
    assert {entry for entry, n in entries.items() if n >= 20} == {"animals"}
    assert {entry: shift and shift["n"] for entry, shift in shifts.items()} == {
        entry: n if n >= 20 else None for entry, n in entries.items()
    }
    file = library / "entries" / "animals.adapter"
    assert "pictures of the entry animals: " in done.err
    assert f"metaadapter predict {file} {tmp_path / 'dusk'} --together" in done.err


def test_predict__reject__answers_unknown_and_says_how_many(
    run, library, unlabelled, nothing_is_known
):
    done = run("library", "predict", library, unlabelled, "--reject")

    assert {row[1] for row in table(done)} == {"unknown"}
    assert "6 of 6 pictures look unfamiliar: they are answered `unknown`" in done.err
    without = run("library", "predict", library, unlabelled)
    assert "they may show none of the classes" in without.err
    assert "unknown" not in {row[1] for row in table(without)}


def test_predict__reject_with_a_class_of_that_name__ends_with_2(
    run, adapt, library, flowers, tmp_path
):
    shutil.copytree(flowers / "iris", tmp_path / "mine" / "iris")
    shutil.copytree(flowers / "poppy", tmp_path / "mine" / "unknown")
    out = tmp_path / "mine.adapter"
    assert adapt(tmp_path / "mine", out=out).code == 0
    assert run("library", "add", library, out).code == 0

    done = run("library", "predict", library, flowers, "--reject")

    assert done.code == 2
    assert "the entry 'mine' has a class 'unknown', which is also the label of --reject" in done.err


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
def test_asked__no_entry_that_answers__is_told(run, library, flowers, tmp_path, command):
    AdapterLibrary.open(tmp_path / "empty")

    of_none = run("library", command, tmp_path / "empty", flowers)
    of_tiny = run("library", command, library, flowers, "--encoder", "tiny")

    assert of_none.code == 2
    assert "has no entry that can be used; add one: metaadapter library add" in of_none.err
    assert of_tiny.code == 4
    assert "was made with the encoder" in of_tiny.err


def test_asked__feature_store__needs_no_encoder(run, encode, library, flowers, tmp_path):
    assert encode(flowers).code == 0

    of_store, of_pictures = (
        run("library", "predict", library, source, "--json").document["predictions"]
        for source in (tmp_path / "store", flowers)
    )

    assert [row["label"] for row in of_store] == [row["label"] for row in of_pictures]


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


def test_merge__entry_without_features_or_of_another_encoder__is_told(run, library, tmp_path):
    given = tmp_path / "given.adapter"
    assert run("library", "export", library, "flowers", given, "--no-features").code == 0
    assert run("library", "import", library, given).code == 0

    done = run("library", "merge", library, "animals", "given", "--name", "all")
    refused = run("library", "merge", library, "animals", "others", "--name", "both")

    assert done.code == 0
    assert "so their signatures were used" in done.err
    assert refused.code == 4
    assert "the adapter 'others', merged with 'animals', was made with the encoder" in refused.err
