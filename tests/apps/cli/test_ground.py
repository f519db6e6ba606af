"""`metaadapter ground`: boxes and heat maps, in files, lines and JSON."""

from __future__ import annotations

import functools
import shutil

import numpy as np
import pytest
from PIL import Image
from rich.cells import cell_len

from metaadapter.adapter.files import load_adapter
from metaadapter.apps.cli.app import main
from metaadapter.labs.grounding import phrase_grounder
from metaadapter.labs.grounding.heat_map import phrase_of
from metaadapter.labs.tuning import tuning_step


@pytest.fixture(scope="module")
def of_tiny(tmp_path_factory, labelled):
    """An adapter whose encoder is the one that the shipped weights are for."""
    folder = tmp_path_factory.mktemp("of tiny") / "animals"
    assert main(["adapt", str(labelled), "--out", str(folder), "--no-zoom", "-q"]) == 0
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


def test_ground__another_encoder__answers_without_training_and_says_so(ground, lynx):
    result = ground(lynx, "the red fox", "--json")

    assert result.document["trained"] is False
    assert result.document["found"][0]["presence"] is None
    assert "was trained for the encoder tiny" in result.document["warnings"][0]
    assert "without training" in result.err


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


def test_ground__adapter_with_a_learned_prompt__shows_its_pictures_too(
    run, labelled, lynx, tmp_path, monkeypatch
):
    one_step = functools.partial(tuning_step.SoftPrompt, n_steps=1)
    monkeypatch.setattr(tuning_step, "SoftPrompt", one_step)
    out = tmp_path / "prompted"
    assert not run("adapt", labelled, "--out", out, "--no-zoom", "--prompt", 2).code
    assert load_adapter(out).config.prompt is not None

    assert run("ground", out, lynx, "the red fox", "--json").document["examples"] == "red_fox"


def test_ground__out__is_the_picture_with_its_map(ground, lynx, tmp_path):
    out = tmp_path / "fox.png"

    result = ground(lynx, "the red fox", "--out", out, "--json")

    assert result.document["found"][0]["heat_map"] == str(out)
    with Image.open(out) as drawn, Image.open(lynx) as picture:
        assert drawn.size == picture.size
        assert (np.asarray(drawn) != np.asarray(picture.convert("RGB"))).any()


def test_ground__several_pictures__get_a_file_each(ground, unlabelled, labelled, tmp_path):
    of_lynx, of_heron = labelled / "lynx" / "0.png", labelled / "heron" / "0.png"
    ground(unlabelled, of_lynx, "fox", "--out", tmp_path / "maps")
    assert names_in(tmp_path / "maps") == sorted([*names_in(unlabelled), "0.png"])

    ground(of_lynx, of_heron, "fox", "--out", tmp_path / "same")
    assert names_in(tmp_path / "same") == ["0-1.png", "0-2.png"]

    numbered = shutil.copy(of_lynx, tmp_path / "0-1.png")
    ground(of_lynx, of_heron, numbered, "fox", "--out", tmp_path / "numbered")
    assert len(names_in(tmp_path / "numbered")) == 3

    (tmp_path / "other").mkdir()
    other = shutil.copy(of_lynx, tmp_path / "other" / "0.png")
    ground(of_lynx, numbered, other, "fox", "--out", tmp_path / "alike")
    assert len(names_in(tmp_path / "alike")) == 3

    ground(of_lynx, "fox", "--out", tmp_path / "alone")
    assert names_in(tmp_path / "alone") == ["0.png"]


def test_ground__boxes_of_a_list__are_left_aside_and_told(ground, lynx, tmp_path):
    manifest = tmp_path / "boxes.csv"
    manifest.write_text(
        f"path,box_left,box_top,box_width,box_height\n{lynx},0,0,0.5,0.5\n{lynx},0.5,0.5,0.5,0.5"
    )

    document = ground(manifest, "fox", "--json").document

    assert document["found"] == ground(lynx, "fox", "--json").document["found"]
    assert any("boxes are ignored" in warning for warning in document["warnings"])


@pytest.mark.parametrize(("name", "place"), [("lynx-0.png", "x.png"), ("", "maps")])
def test_ground__place_that_cannot_be_written__is_told(ground, unlabelled, tmp_path, name, place):
    (tmp_path / "file").touch()

    result = ground(unlabelled / name, "fox", "-o", tmp_path / "file" / place)

    assert result.code == 3
    assert "cannot write the heat map" in result.err


@pytest.mark.parametrize("name", ["", "lynx-0.png"], ids=["folder", "picture"])
def test_ground__out_among_the_pictures_themselves__replaces_none(
    ground, unlabelled, tmp_path, name
):
    pictures = shutil.copytree(unlabelled, tmp_path / "own")
    before = (pictures / "lynx-0.png").read_bytes()

    refused = ground(pictures / name, "fox", "--out", pictures / name)

    assert refused.code == 2
    assert "would replace the" in refused.err
    assert (pictures / "lynx-0.png").read_bytes() == before


def test_ground__feature_store__is_refused_by_that_name(ground, encode, labelled, tmp_path):
    encode(labelled)

    refused = ground(tmp_path / "store", "fox")

    assert refused.code == 2
    assert "is a feature store" in refused.err


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
        ("", ("the",), "expected a phrase such as 'the red mug', but 'the' has no word"),
        (
            "lynx-0.png",
            ("fox", "--out", "."),
            "lynx-0.png, which is no heat map; name another place",
        ),
    ],
    ids=["no PNG", "one file for several", "no word", "picture of somebody else"],
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


def test_ground__another_phrase_and_the_same_place__replaces_no_heat_map(
    ground, unlabelled, lynx, tmp_path
):
    out = tmp_path / "where"
    ground(lynx, "the red hat", "--out", out)
    before = (out / "lynx-0.png").read_bytes()

    for source, place in ((unlabelled, out), (lynx, out / "lynx-0.png")):
        refused = ground(source, "the mug – à côté", "--out", place)

        assert refused.code == 2
        assert "lynx-0.png, which is the heat map of 'the red hat'; name another" in refused.err
    assert names_in(out) == ["lynx-0.png"]
    assert (out / "lynx-0.png").read_bytes() == before


def test_ground__the_same_phrase_and_place__goes_again(ground, unlabelled, tmp_path):
    phrase, out = "the mug – à côté, 帽子", tmp_path / "where"

    assert [ground(unlabelled, phrase, "--out", out).code for _ in range(2)] == [0, 0]

    assert {phrase_of(path) for path in out.iterdir()} == {phrase}


def test_ground__each_picture__is_told_before_the_next_is_looked_at(
    ground, unlabelled, monkeypatch, capsys
):
    printed, look = [], phrase_grounder.ground

    def listen(*given):
        printed.append(capsys.readouterr().out)
        return look(*given)

    monkeypatch.setattr(phrase_grounder, "ground", listen)

    last = ground(unlabelled, "fox").out

    pictures = sorted(unlabelled.iterdir())
    assert [text.partition("\t")[0] for text in printed] == ["", *map(str, pictures[:-1])]
    assert last.startswith(f"{pictures[-1]}\t")


def test_ground__on_a_terminal__has_titles_and_columns(ground, lynx, tmp_path, terminal):
    long, wide = tmp_path / "a picture of a lynx.png", tmp_path / "帽子.png"
    for path in (long, wide):
        shutil.copy(lynx, path)

    title, *lines = ground(long, wide, "fox", "-q").out.splitlines()

    assert title.split() == ["picture", "left", "top", "right", "bottom", "score", "presence"]
    assert len(lines) == 2
    assert {cell_len(line) for line in lines} == {len(title)}
    assert [line.split("  ")[0] for line in lines] == [str(long), str(wide)]


def test_ground__without_a_phrase__says_that_the_phrase_is_missing(ground, lynx):
    done = ground(lynx)

    assert done.code == 2
    assert "expected PICTURES and after them a PHRASE" in done.err
