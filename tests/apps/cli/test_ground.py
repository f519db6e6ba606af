"""`metaadapter ground`: boxes and heat maps, in files, lines and JSON."""

from __future__ import annotations

import shutil
from functools import partial

import numpy as np
import pytest
from PIL import Image
from rich.cells import cell_len

from metaadapter.adapter.files import load_adapter
from metaadapter.apps.cli.app import main
from metaadapter.labs.grounding import phrase_grounder
from metaadapter.labs.grounding.heat_map import phrase_of
from metaadapter.labs.tuning import tuning_step
from tests.apps.cli.test_documented_json import agrees


@pytest.fixture(scope="module")
def of_tiny(tmp_path_factory, labelled):
    """An adapter whose encoder is the one that the shipped weights are for."""
    folder = tmp_path_factory.mktemp("of tiny") / "animals"
    assert main(["adapt", str(labelled), "--out", str(folder), "--no-zoom", "-q"]) == 0
    return folder


def test_ground__each_picture__gets_a_line_with_its_box_and_score(run, adapter, unlabelled):
    result = run("ground", adapter, unlabelled, "the red fox")

    lines = [line.split("\t") for line in result.out.splitlines()]
    assert result.code == 0
    assert [line[0] for line in lines] == [str(path) for path in sorted(unlabelled.iterdir())]
    for _, left, top, right, bottom, score in lines:
        assert 0 <= float(left) < float(right) <= 1
        assert 0 <= float(top) < float(bottom) <= 1
        assert 0 < float(score) <= 1


def test_ground__another_encoder__answers_without_training_and_says_so(run, adapter, unlabelled):
    result = run("ground", adapter, unlabelled / "lynx-0.png", "the red fox", "--json")

    assert result.document["trained"] is False
    assert "was trained with the encoder tiny" in result.document["warnings"][0]
    assert "without training" in result.err


def test_ground__the_encoder_of_the_weights__answers_with_them(run, of_tiny, unlabelled):
    result = run("ground", of_tiny, unlabelled / "lynx-0.png", "the red fox", "--json")

    assert result.document["trained"] is True
    assert result.document["warnings"] == []


def test_ground__document__is_as_documented(run, adapter, unlabelled, tmp_path):
    out = tmp_path / "fox.png"

    result = run("ground", adapter, unlabelled / "lynx-0.png", "fox", "--out", out, "--json")

    assert agrees(result.document, "metaadapter.ground/1")
    assert result.document["found"][0]["heat_map"] == str(out)


def test_ground__out__is_the_picture_with_its_map(run, adapter, unlabelled, tmp_path):
    out = tmp_path / "fox.png"

    run("ground", adapter, unlabelled / "lynx-0.png", "the red fox", "--out", out)

    with Image.open(out) as drawn, Image.open(unlabelled / "lynx-0.png") as picture:
        assert drawn.size == picture.size
        assert (np.asarray(drawn) != np.asarray(picture.convert("RGB"))).any()


def test_ground__several_pictures__get_a_file_each(run, adapter, unlabelled, labelled, tmp_path):
    run("ground", adapter, unlabelled, labelled / "lynx" / "0.png", "fox", "--out", tmp_path / "m")
    expected = sorted(path.name for path in unlabelled.iterdir())
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == sorted([*expected, "0.png"])

    same = labelled / "lynx" / "0.png", labelled / "heron" / "0.png"
    run("ground", adapter, *same, "fox", "--out", tmp_path / "same")
    assert sorted(path.name for path in (tmp_path / "same").iterdir()) == ["0-1.png", "0-2.png"]

    named_alike = tmp_path / "0-1.png", tmp_path / "other" / "0.png"
    named_alike[1].parent.mkdir()
    for each in named_alike:
        each.write_bytes(same[0].read_bytes())
    run("ground", adapter, *same[:1], *named_alike, "fox", "--out", tmp_path / "alike")
    assert len([*(tmp_path / "alike").iterdir()]) == 3


def test_ground__boxes_of_a_list__are_left_aside_and_told(run, adapter, labelled, tmp_path):
    manifest, picture = tmp_path / "boxes.csv", labelled / "lynx" / "0.png"
    boxes = "0,0,0.5,0.5", "0.5,0.5,0.5,0.5"
    lines = ["path,box_left,box_top,box_width,box_height", *(f"{picture},{box}" for box in boxes)]
    manifest.write_text("\n".join(lines))

    result = run("ground", adapter, manifest, "fox", "--json").document

    assert result["found"] == run("ground", adapter, picture, "fox", "--json").document["found"]
    assert any("boxes are ignored" in each for each in result["warnings"])


def test_ground__out_that_cannot_be_written__is_told(run, adapter, unlabelled, tmp_path):
    (tmp_path / "file").touch()

    result = run(
        "ground", adapter, unlabelled / "lynx-0.png", "fox", "-o", tmp_path / "file" / "x.png"
    )

    assert result.code == 3
    assert "cannot write the heat map" in result.err


def test_ground__a_single_picture_and_a_folder__makes_a_file_in_it(
    run, adapter, unlabelled, tmp_path
):
    run("ground", adapter, unlabelled / "lynx-0.png", "fox", "--out", tmp_path / "where")

    assert [path.name for path in (tmp_path / "where").iterdir()] == ["lynx-0.png"]


def test_ground__names_that_end_in_numbers__never_fall_together(
    run, adapter, labelled, unlabelled, tmp_path
):
    picture = unlabelled / "lynx-0.png"
    numbered = shutil.copy(picture, tmp_path / "0-1.png")
    same = labelled / "lynx" / "0.png", labelled / "heron" / "0.png"

    run("ground", adapter, *same, numbered, "fox", "--out", tmp_path / "where")

    assert len([*(tmp_path / "where").iterdir()]) == 3


@pytest.mark.parametrize("is_folder", [True, False])
def test_ground__out_among_the_pictures_themselves__replaces_none(
    run, adapter, unlabelled, tmp_path, is_folder
):
    pictures = shutil.copytree(unlabelled, tmp_path / "own")
    picture = pictures / "lynx-0.png"
    before = picture.read_bytes()

    asked = pictures if is_folder else picture
    refused = run("ground", adapter, asked, "fox", "--out", asked)

    assert refused.code == 2
    assert "would replace the picture" in refused.err
    assert picture.read_bytes() == before


def test_ground__feature_store__is_refused_by_that_name(run, adapter, labelled, encoder, tmp_path):
    store = tmp_path / "store"
    run("encode", labelled, "--out", store, "--encoder", encoder)

    refused = run("ground", adapter, store, "fox")

    assert refused.code == 2
    assert "is a feature store" in refused.err


def test_ground__an_unreadable_picture__is_told_and_the_others_answered(
    run, adapter, unlabelled, tmp_path
):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")

    result = run("ground", adapter, unlabelled / "lynx-0.png", broken, "fox", "--json")

    assert result.code == 0
    assert len(result.document["found"]) == 1
    assert result.document["quarantined"][0]["path"] == str(broken)
    alone = run("ground", adapter, broken, "fox")
    assert alone.code == 3
    assert "none of the 1 pictures could be read" in alone.err


def test_ground__out_that_is_no_png__is_refused_first(run, adapter, unlabelled):
    refused = run("ground", adapter, unlabelled / "lynx-0.png", "fox", "--out", "fox.jpg")

    assert refused.code == 2
    assert "name a file ending in .png" in refused.err


def test_ground__one_file_for_several_pictures__is_refused(run, adapter, unlabelled, tmp_path):
    file = tmp_path / "one.png"
    file.touch()

    refused = run("ground", adapter, unlabelled, "fox", "--out", file)

    assert refused.code == 2
    assert "6 pictures make as many files" in refused.err


def test_ground__a_phrase_without_words__is_refused(run, adapter, unlabelled):
    refused = run("ground", adapter, unlabelled, "the")

    assert refused.code == 2
    assert "expected a phrase such as 'the red mug', got 'the'" in refused.err


def test_ground__a_class_of_the_adapter__is_shown_by_its_own_pictures(run, of_tiny, unlabelled):
    picture = unlabelled / "lynx-0.png"

    named = run("ground", of_tiny, picture, "the red fox on the left", "--json").document
    other = run("ground", of_tiny, picture, "the mug", "--json").document

    assert named["examples"] == "red_fox"
    assert other["examples"] is None


def test_ground__adapter_with_a_learned_prompt__shows_its_pictures_too(
    run, labelled, unlabelled, tmp_path, monkeypatch
):
    one_step = partial(tuning_step.SoftPrompt, n_steps=1)
    monkeypatch.setattr(tuning_step, "SoftPrompt", one_step)
    out = tmp_path / "prompted"
    assert not run("adapt", labelled, "--out", out, "--no-zoom", "--prompt", 2).code
    assert load_adapter(out).config.prompt is not None

    result = run("ground", out, unlabelled / "lynx-0.png", "the red fox", "--json").document

    assert result["examples"] == "red_fox"


def test_ground__place_that_cannot_be_written__is_told(run, adapter, unlabelled, tmp_path):
    (tmp_path / "file").touch()

    done = run("ground", adapter, unlabelled, "fox", "--out", tmp_path / "file" / "maps")

    assert done.code == 3
    assert "cannot write the heat map" in done.err


def test_ground__another_phrase_and_the_same_place__replaces_no_heat_map(
    run, adapter, unlabelled, tmp_path
):
    out, picture = tmp_path / "where", unlabelled / "lynx-0.png"
    run("ground", adapter, picture, "the red hat", "--out", out)
    before = (out / "lynx-0.png").read_bytes()

    refused = [
        run("ground", adapter, asked, "the mug – à côté", "--out", place)
        for asked, place in ((unlabelled, out), (picture, out / "lynx-0.png"))
    ]

    for each in refused:
        assert each.code == 2
        assert "lynx-0.png, which is the heat map of 'the red hat'; name another" in each.err
    assert [path.name for path in out.iterdir()] == ["lynx-0.png"]
    assert (out / "lynx-0.png").read_bytes() == before


def test_ground__the_same_phrase_and_place__goes_again(run, adapter, unlabelled, tmp_path):
    phrase, out = "the mug – à côté, 帽子", tmp_path / "where"
    asked = "ground", adapter, unlabelled, phrase, "--out", out
    assert run(*asked).code == 0

    assert run(*asked).code == 0

    assert {phrase_of(path) for path in out.iterdir()} == {phrase}


def test_ground__file_of_somebody_else_in_the_place__is_left_alone(
    run, adapter, unlabelled, tmp_path
):
    own = shutil.copy(unlabelled / "lynx-1.png", tmp_path / "lynx-0.png")
    before = own.read_bytes()

    refused = run("ground", adapter, unlabelled / "lynx-0.png", "fox", "--out", tmp_path)

    assert refused.code == 2
    assert "lynx-0.png, which is no heat map; name another place" in refused.err
    assert own.read_bytes() == before


def test_ground__each_picture__is_told_before_the_next_is_looked_at(
    run, adapter, unlabelled, monkeypatch, capsys
):
    printed, ground = [], phrase_grounder.ground

    def listen(*given):
        printed.append(capsys.readouterr().out)
        return ground(*given)

    monkeypatch.setattr(phrase_grounder, "ground", listen)

    last = run("ground", adapter, unlabelled, "fox").out

    pictures = sorted(unlabelled.iterdir())
    assert [text.partition("\t")[0] for text in printed] == ["", *map(str, pictures[:-1])]
    assert last.startswith(f"{pictures[-1]}\t")


def test_ground__on_a_terminal__has_titles_and_columns(
    run, adapter, unlabelled, tmp_path, monkeypatch
):
    monkeypatch.setenv("FORCE_COLOR", "1")
    long, wide = tmp_path / "a picture of a lynx.png", tmp_path / "帽子.png"
    for path in (long, wide):
        shutil.copy(unlabelled / "lynx-0.png", path)

    title, *lines = run("ground", adapter, long, wide, "fox", "-q").out.splitlines()

    assert title.split() == ["picture", "left", "top", "right", "bottom", "score"]
    assert len(lines) == 2
    assert {cell_len(line) for line in lines} == {len(title)}
    assert [line.split("  ")[0] for line in lines] == [str(long), str(wide)]
