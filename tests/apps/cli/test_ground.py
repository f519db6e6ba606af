"""`metaadapter ground`: boxes and heat maps, in files, lines and JSON."""

from __future__ import annotations

import functools
import shutil

import pytest

from metaadapter.apps.cli.app import main


@pytest.fixture(scope="module")
def of_tiny(tmp_path_factory, labelled):
    """An adapter whose encoder is the one that the shipped weights are for."""
    folder = tmp_path_factory.mktemp("of tiny") / "animals"
    assert (
        main(["adapt", str(labelled), "--out", str(folder), "--encoder", "tiny,zoom=no", "-q"]) == 0
    )
    return folder


@pytest.fixture
def ground(run, adapter):
    """`metaadapter ground` with the adapter of the small encoder."""
    return functools.partial(run, "ground", adapter)


@pytest.fixture(scope="session")
def lynx(unlabelled):
    return unlabelled / "lynx-0.png"


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_ground__each_picture__gets_a_line_with_its_box_and_score(ground, unlabelled):
    result = ground(unlabelled, "the red fox")

    lines = [line.split("\t") for line in result.out.splitlines()]
    assert result.code == 0
    assert [line[0] for line in lines] == [str(path) for path in sorted(unlabelled.iterdir())]
    for _, left, top, right, bottom, score, presence in lines:
        assert 0 <= float(left) < float(right) <= 1
        assert 0 <= float(top) < float(bottom) <= 1
        assert 0 < float(score) <= 1
        assert presence == ""  # the small encoder has no cross-modal adapter


@pytest.mark.parametrize(
    ("phrase", "label"), [("the red fox on the left", "red_fox"), ("the mug", None)]
)
def test_ground__the_encoder_of_the_weights__answers_with_them_and_with_examples_of_a_class(
    run, of_tiny, lynx, phrase, label
):
    document = run("ground", of_tiny, lynx, phrase, "--json").document

    assert document["trained"] is True
    assert document["warnings"] == []
    assert document["examples"] == label
    assert 0 <= document["found"][0]["presence"] <= 1


def test_ground__an_unreadable_picture__is_told_and_the_others_answered(ground, lynx, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")

    result = ground(lynx, broken, "fox", "--json")
    alone = ground(broken, "fox")

    assert result.code == 0
    assert len(result.document["found"]) == 1
    assert result.document["quarantined"][0]["path"] == str(broken)
    assert alone.code == 3
    assert "none of the 1 pictures could be read" in alone.err


@pytest.mark.parametrize(
    ("name", "more", "reason"),
    [
        ("lynx-0.png", ("fox", "--out", "fox.jpg"), "name a file ending in .png"),
        ("", ("fox", "--out", "one.png"), "but 6 pictures need one file each"),
        ("", ("fox", "--encoder", "precision=bf16"), "precision, which this command does not"),
        ("", ("the",), "expected a phrase such as 'the red mug', but 'the' has no word"),
        (
            "lynx-0.png",
            ("fox", "--out", "."),
            "lynx-0.png, which is no heat map; name another place",
        ),
    ],
    ids=[
        "no PNG",
        "one file for several",
        "no other precision",
        "no word",
        "picture of somebody else",
    ],
)
def test_ground__arguments_that_do_not_fit__end_with_2_and_change_nothing(
    ground, unlabelled, tmp_path, monkeypatch, name, more, reason
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.png").touch()
    own = shutil.copy(unlabelled / "lynx-1.png", tmp_path / "lynx-0.png")

    refused = ground(unlabelled / name, *more)

    assert refused.code == 2
    assert reason in refused.err
    assert names_in(tmp_path) == ["lynx-0.png", "one.png"]
    assert own.read_bytes() == (unlabelled / "lynx-1.png").read_bytes()


def test_ground__without_a_phrase__says_that_the_phrase_is_missing(ground, lynx):
    done = ground(lynx)

    assert done.code == 2
    assert "expected PICTURES and after them a PHRASE" in done.err
