from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from metaadapter.apps.cli.app import main
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.labs.ranking.pair_adapter import fit_pairs
from metaadapter.labs.ranking.stored_pairs import load_pairs

COLOURS = {"heron": "blue", "lynx": "sandy", "red_fox": "red"}


@pytest.fixture(scope="session")
def pairs(tmp_path_factory, labelled):
    """A manifest: nine pictures, each with the colour of its class and a number for a caption."""
    manifest = tmp_path_factory.mktemp("pairs") / "pairs.csv"
    with manifest.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "caption"])
        for path in sorted(labelled.glob("*/*.png")):
            rows.writerow([path, f"a {COLOURS[path.parent.name]} thing, number {path.stem}"])
    return manifest


@pytest.fixture(scope="session")
def ranking(tmp_path_factory, pairs, encoder):
    """An adapter of the pairs."""
    out = tmp_path_factory.mktemp("ranking") / "colours"
    arguments = ["adapt", pairs, "--captions", "--out", out, "--encoder", encoder]
    assert main([*map(str, arguments)]) == 0
    return out


def lines(done):
    assert done.code == 0, done.err
    return [line.split("\t") for line in done.out.splitlines()]


def test_adapt__captions__tells_what_left_out_pairs_say_and_keeps_the_pairs(
    run, pairs, encoder, tmp_path
):
    out = tmp_path / "pairs.adapter"

    done = run("adapt", pairs, "--captions", "--out", out, "--encoder", encoder)

    assert done.code == 0
    assert "from 9 pairs" in done.out
    assert "the 9 pairs, which have 9 different captions, each pair left out" in done.err
    assert "without the adapter" in done.err
    assert load_pairs(out).config.captions[0] == "a blue thing, number 0"
    assert load_pairs(out).config.templates == ["{}"]


@pytest.mark.parametrize(
    "options",
    [("--names", "a,b"), ("--shots", 3), ("--describe", "a=b"), ("--mode", "finetune")],
)
def test_adapt__captions_with_options_of_classes__are_told(run, pairs, tmp_path, options):
    done = run("adapt", pairs, "--captions", "--out", tmp_path / "a", *options)

    assert done.code == 2
    assert f"--captions makes no classes, so it excludes {options[0]}" in done.err


def test_adapt__captions_of_a_folder__asks_for_a_manifest(run, labelled, tmp_path):
    done = run("adapt", labelled, "--captions", "--out", tmp_path / "a")

    assert done.code == 3
    assert "expected a manifest" in done.err
    assert not (tmp_path / "a").exists()


def test_adapt__a_single_pair__is_too_few(run, pairs, tmp_path):
    short = tmp_path / "short.csv"
    short.write_text("\n".join(pairs.read_text().splitlines()[:2]))

    done = run("adapt", short, "--captions", "--out", tmp_path / "a")

    assert done.code == 3
    assert "expected 2 to 5,000 pairs" in done.err


def test_adapt__captions_without_the_option__hints_at_it(run, pairs, tmp_path):
    done = run("adapt", pairs, "--out", tmp_path / "a")

    assert done.code == 3
    assert "give --captions" in done.err


def test_adapt__a_picture_of_a_pair_that_cannot_be_read__is_left_out_with_its_caption(
    run, pairs, encoder, tmp_path
):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    lines_of_pairs = pairs.read_text().splitlines()
    lines_of_pairs.insert(3, f"{tmp_path / 'broken.png'},a broken thing")
    manifest = tmp_path / "some.csv"
    manifest.write_text("\n".join(lines_of_pairs))
    out = tmp_path / "a"

    done = run("adapt", manifest, "--captions", "--out", out, "--encoder", encoder, "--json")

    assert [each["path"] for each in done.document["quarantined"]] == [str(tmp_path / "broken.png")]
    whole = tmp_path / "whole"
    assert run("adapt", pairs, "--captions", "--out", whole, "--encoder", encoder).code == 0
    assert load_pairs(out).config.captions == load_pairs(whole).config.captions
    np.testing.assert_array_equal(load_pairs(out).pictures, load_pairs(whole).pictures)


def test_rank__a_picture_that_cannot_be_read__is_listed_and_the_others_are_ordered(
    run, ranking, labelled, tmp_path
):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    good = next(labelled.glob("*/*.png"))
    (tmp_path / "m.csv").write_text(
        f"path,caption\nbroken.png,a broken thing\n{good},a good thing\n"
    )

    done = run("rank", ranking, tmp_path / "m.csv", "--json")

    assert [Path(each["path"]).name for each in done.document["quarantined"]] == ["broken.png"]
    assert [each["picture"] for each in done.document["of_pictures"]] == [str(good)]
    assert done.document["recall"]["captions"]["1"]["n"] == 1


def test_rank__boxes_of_one_picture__are_pictures_of_their_own(run, ranking, labelled, tmp_path):
    good = next(labelled.glob("*/*.png"))
    box = "box_left,box_top,box_width,box_height"
    (tmp_path / "m.csv").write_text(
        f"path,caption,{box}\n{good},left,0,0,0.5,1\n{good},right,0.5,0,0.5,1\n"
    )

    done = run("rank", ranking, tmp_path / "m.csv", "--json")

    assert done.document["n_pictures"] == 2
    assert done.document["recall"]["captions"]["1"]["n"] == 2


def test_rank__lists_both_ways__are_ordered_by_the_scores_of_the_pairs(
    run, ranking, encoder, unlabelled, tmp_path
):
    texts = tmp_path / "captions.txt"
    texts.write_text("a blue thing\na red thing\na sandy thing\n")

    result = lines(run("rank", ranking, unlabelled, texts, "--top", 2))

    loaded, stored = FrozenEncoder.load(str(encoder)), load_pairs(ranking)
    adapter = fit_pairs(stored.pictures, stored.captions)
    paths = sorted(unlabelled.iterdir())
    features = loaded.encode_images(paths)
    captions = texts.read_text().splitlines()
    scores = (
        adapter.picture_rows(features)
        @ adapter.caption_rows(loaded.encode_texts(captions, templates="{}")).T
    )
    assert len(result) == 2 * (6 + 3)
    assert [row[1] for row in result] == ["picture"] * 12 + ["caption"] * 6
    for path, kind, place, answer, score in result:
        if kind == "picture":
            of_one = scores[paths.index(Path(path))]
            answers = captions
        else:
            of_one, answers = scores[:, captions.index(path)], list(map(str, paths))
        best = np.argsort(-of_one, kind="stable")[int(place) - 1]
        assert answers[best] == answer
        assert float(score) == pytest.approx(of_one[best], abs=2e-3)


def test_rank__a_single_caption__has_no_list_for_each_picture(run, ranking, unlabelled):
    result = lines(run("rank", ranking, unlabelled, "--text", "a red thing", "--top", 3))

    assert [(row[0], row[1]) for row in result] == [("a red thing", "caption")] * 3


def test_rank__manifest_with_captions__tells_recall_and_warns_of_pictures_of_the_pairs(
    run, ranking, pairs
):
    done = run("rank", ranking, pairs, "--json")

    assert done.code == 0
    recall = done.document["recall"]
    assert recall["captions"]["10"] == {**recall["captions"]["10"], "n_right": 9, "n": 9}
    assert recall["pictures"].keys() == {"1", "5", "10"}
    assert "fitted to 9 of these pictures" in done.document["warnings"][0]


def test_rank__a_store_with_a_manifest_of_texts__knows_whose_captions_they_are(
    run, ranking, pairs, labelled, encoder, tmp_path
):
    store = tmp_path / "store"
    assert run("encode", labelled, "--out", store, "--encoder", encoder).code == 0

    done = run("rank", ranking, store, pairs, "--json", "--top", 1)

    direct = run("rank", ranking, pairs, "--json", "--top", 1)
    assert done.document["recall"] == direct.document["recall"]


def test_rank__together__changes_scores_and_says_so(run, ranking, pairs):
    alone, together = run("rank", ranking, pairs), run("rank", ranking, pairs, "--together")

    assert lines(alone) != lines(together)
    assert "depend on one another" in together.err


def test_rank__question__gives_each_picture_probabilities_of_the_answers(run, ranking, unlabelled):
    asked = ("--question", "What colour is the thing?", "--answers", "red, blue,sandy")

    done = run("rank", ranking, unlabelled, *asked, "--json")

    question = done.document["question"]
    assert question["sentences"]["blue"] == "the thing is blue"
    assert len(question["answered"]) == 6
    for answered in question["answered"]:
        assert answered["probabilities"].keys() == {"red", "blue", "sandy"}
        assert sum(answered["probabilities"].values()) == pytest.approx(1)
    rows = lines(run("rank", ranking, unlabelled, *asked))
    best = [
        max(each["probabilities"], key=each["probabilities"].get) for each in question["answered"]
    ]
    assert [row[1] for row in rows] == best


def test_rank__adapter_of_classes__orders_by_its_frozen_encoder_and_says_so(
    run, adapter, encoder, unlabelled
):
    done = run("rank", adapter, unlabelled, "--text", "a red thing", "--text", "a blue thing")

    loaded = FrozenEncoder.load(str(encoder))
    features = loaded.encode_images(sorted(unlabelled.iterdir()))
    texts = loaded.encode_texts(["a red thing", "a blue thing"], templates="{}")
    assert "only its frozen encoder is used" in done.err
    scores = [float(row[4]) for row in lines(done) if row[1] == "picture" and row[2] == "1"]
    np.testing.assert_allclose(scores, (features @ texts.T).max(1), atol=2e-3)


def test_rank__csv__has_a_head_and_no_formulas(run, ranking, unlabelled, tmp_path):
    table = tmp_path / "table.csv"

    done = run("rank", ranking, unlabelled, "--text", "=cmd", "--text", "b", "--csv", table)

    assert (done.code, done.out) == (0, "")
    rows = [*csv.reader(table.read_text().splitlines())]
    assert rows[0] == ["asked about", "kind", "place", "answer", "score"]
    assert {row[3] for row in rows if row[1] == "picture"} == {"'=cmd", "b"}


def test_rank__csv_of_answers__names_each_column_differently(run, ranking, unlabelled, tmp_path):
    asked = ("--question", "What colour is it?", "--answers", "red,blue")

    run("rank", ranking, unlabelled, *asked, "--csv", tmp_path / "answers.csv")

    rows = [*csv.DictReader((tmp_path / "answers.csv").read_text().splitlines())]
    assert len(rows) == 6
    for row in rows:
        assert float(row["probability"]) + float(row["its probability"]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--question", " ", "--answers", "a,b"), "expected a question such as"),
        (("--question", "What is it?"), "--question and --answers go together"),
        (("--sentence", "a {}"), "--sentence is for the answers to a --question"),
        (("--text", "a", "--question", "b?", "--answers", "c,d"), "give the captions once"),
        ((), "there are no captions for the pictures"),
        (("--question", "b?", "--answers", "c"), "two or more different answers"),
    ],
)
def test_rank__options_that_do_not_fit__are_told_at_once(
    run, ranking, unlabelled, options, message
):
    done = run("rank", ranking, unlabelled, *options)

    assert done.code == 2
    assert message in done.err


def test_rank__another_encoder__is_refused(run, ranking, other_encoder, unlabelled):
    done = run("rank", ranking, unlabelled, "--text", "a", "--encoder", other_encoder)

    assert done.code == 4


@pytest.mark.parametrize("command", ["predict", "add", "export"])
def test_commands_of_classes__given_pairs__name_the_command_that_takes_them(
    run, ranking, unlabelled, tmp_path, command
):
    more = {
        "predict": (unlabelled,),
        "add": ("wolf", "--text", "a wolf"),
        "export": ("--onnx", tmp_path / "a.onnx"),
    }

    done = run(command, ranking, *more[command])

    assert done.code == 4
    assert "metaadapter rank" in done.err


def test_library_add__given_pairs__names_the_command_that_takes_them(run, ranking, tmp_path):
    done = run("library", "add", tmp_path / "library", ranking)

    assert done.code == 4
    assert "metaadapter rank" in done.err
    assert not (tmp_path / "library").exists()
