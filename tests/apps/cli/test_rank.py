from __future__ import annotations

import csv
import functools
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
    rows = [
        f'{path},"a {COLOURS[path.parent.name]} thing, number {path.stem}"'
        for path in sorted(labelled.glob("*/*.png"))
    ]
    manifest.write_text("\n".join(["path,caption", *rows]))
    return manifest


@pytest.fixture(scope="session")
def ranking(tmp_path_factory, pairs, encoder):
    """An adapter of the pairs."""
    out = tmp_path_factory.mktemp("ranking") / "colours"
    arguments = ["adapt", pairs, "--captions", "--out", out, "--encoder", encoder]
    assert main([*map(str, arguments)]) == 0
    return out


@pytest.fixture
def rank(run, ranking):
    """`metaadapter rank` by that adapter."""
    return functools.partial(run, "rank", ranking)


def lines(done):
    assert done.code == 0, done.err
    return [line.split("\t") for line in done.out.splitlines()]


def test_adapt__captions__tells_what_left_out_pairs_say_and_keeps_the_pairs(adapt, pairs, tmp_path):
    out = tmp_path / "pairs.adapter"

    done = adapt(pairs, "--captions", out=out)

    assert done.code == 0
    assert "from 9 pairs" in done.out
    assert "the 9 pairs, which have 9 different captions, with each pair left" in done.err
    assert "without the adapter" in done.err
    assert load_pairs(out).config.captions[0] == "a blue thing, number 0"
    assert load_pairs(out).config.templates == ["{}"]


@pytest.fixture
def with_broken(tmp_path):
    """Writes a manifest of the lines and of a pair whose picture cannot be read."""

    def write(lines_of_pairs):
        (tmp_path / "broken.png").write_bytes(b"no picture")
        rows = [*lines_of_pairs[:1], f"{tmp_path / 'broken.png'},a thing", *lines_of_pairs[1:]]
        (tmp_path / "some.csv").write_text("\n".join(rows))
        return tmp_path / "some.csv"

    return write


def test_adapt__a_picture_of_a_pair_that_cannot_be_read__is_left_out_with_its_caption(
    adapt, pairs, ranking, with_broken, tmp_path
):
    manifest = with_broken(pairs.read_text().splitlines())

    done = adapt(manifest, "--captions", "--json")

    paths = [entry["path"] for entry in done.document["quarantined"]]
    assert paths == [str(tmp_path / "broken.png")]
    some, whole = load_pairs(tmp_path / "adapter"), load_pairs(ranking)
    assert some.config.captions == whole.config.captions
    np.testing.assert_array_equal(some.pictures, whole.pictures)


def test_rank__a_picture_that_cannot_be_read__is_listed_and_the_others_are_ordered(
    rank, labelled, with_broken
):
    good = next(labelled.glob("*/*.png"))

    document = rank(with_broken(["path,caption", f"{good},a good thing"]), "--json").document

    assert [Path(entry["path"]).name for entry in document["quarantined"]] == ["broken.png"]
    assert [row["picture"] for row in document["of_pictures"]] == [str(good)]
    assert document["recall"]["captions"]["1"]["n"] == 1


def test_rank__boxes_of_one_picture__are_pictures_of_their_own(rank, labelled, tmp_path):
    good = next(labelled.glob("*/*.png"))
    (tmp_path / "m.csv").write_text(
        "path,caption,box_left,box_top,box_width,box_height\n"
        f"{good},left,0,0,0.5,1\n{good},right,0.5,0,0.5,1\n"
    )

    document = rank(tmp_path / "m.csv", "--json").document

    assert document["n_pictures"] == 2
    assert document["recall"]["captions"]["1"]["n"] == 2


def test_rank__lists_both_ways__are_ordered_by_the_scores_of_the_pairs(
    rank, ranking, encoder, unlabelled, tmp_path
):
    captions = ["a blue thing", "a red thing", "a sandy thing"]
    (tmp_path / "captions.txt").write_text("\n".join(captions))

    result = lines(rank(unlabelled, tmp_path / "captions.txt", "--top", 2))

    loaded, stored = FrozenEncoder.load(str(encoder)), load_pairs(ranking)
    adapter = fit_pairs(stored.pictures, stored.captions)
    paths = sorted(unlabelled.iterdir())
    pictures = adapter.picture_rows(loaded.encode_images(paths))
    scores = pictures @ adapter.caption_rows(loaded.encode_texts(captions, templates="{}")).T
    assert [row[1] for row in result] == ["picture"] * 12 + ["caption"] * 6
    for path, kind, place, answer, score in result:
        if kind == "picture":
            of_one, answers = scores[paths.index(Path(path))], captions
        else:
            of_one, answers = scores[:, captions.index(path)], list(map(str, paths))
        best = np.argsort(-of_one, kind="stable")[int(place) - 1]
        assert answers[best] == answer
        assert float(score) == pytest.approx(of_one[best], abs=2e-3)


def test_rank__a_single_caption__has_no_list_for_each_picture(rank, unlabelled):
    result = lines(rank(unlabelled, "--text", "a red thing", "--top", 3))

    assert [(row[0], row[1]) for row in result] == [("a red thing", "caption")] * 3


def test_rank__manifest_with_captions__tells_recall_and_warns_of_pictures_of_the_pairs(rank, pairs):
    done = rank(pairs, "--json")

    assert done.code == 0
    recall = done.document["recall"]
    assert (recall["captions"]["10"]["n_right"], recall["captions"]["10"]["n"]) == (9, 9)
    assert recall["pictures"].keys() == {"1", "5", "10"}
    assert "fitted to 9 of these pictures" in done.document["warnings"][0]


def test_rank__a_store_with_a_manifest_of_texts__knows_whose_captions_they_are(
    rank, encode, pairs, labelled, tmp_path
):
    assert encode(labelled).code == 0

    done = rank(tmp_path / "store", pairs, "--json", "--top", 1)

    assert done.document["recall"] == rank(pairs, "--json", "--top", 1).document["recall"]


def test_rank__together__changes_scores_and_says_so(rank, pairs):
    alone, together = rank(pairs), rank(pairs, "--together")

    assert lines(alone) != lines(together)
    assert "depend on one another" in together.err


def test_rank__new_captions_among_those_of_pairs__says_who_decides_between_them(rank, pairs):
    known = pairs.read_text().splitlines()[1].split('"')[1]

    both = rank(pairs, "--text", known, "--text", "a thing that no pair has")
    new = rank(pairs, "--text", "a thing that no pair has")

    assert "1 of the captions are not among the pairs: the frozen encoder decides" in both.err
    assert "not among the pairs" not in new.err


def test_rank__question__gives_each_picture_probabilities_of_the_answers(
    rank, unlabelled, tmp_path
):
    question = ("--question", "What colour is the thing?", "--answers", "red, blue,sandy")

    document = rank(unlabelled, *question, "--json").document["question"]
    listed = lines(rank(unlabelled, *question))
    rank(unlabelled, *question, "--csv", tmp_path / "answers.csv")

    assert document["sentences"]["blue"] == "the thing is blue"
    shares = [row["probabilities"] for row in document["answered"]]
    assert len(shares) == 6
    for row in shares:
        assert row.keys() == {"red", "blue", "sandy"}
        assert sum(row.values()) == pytest.approx(1)
    assert [row[1] for row in listed] == [max(row, key=row.get) for row in shares]
    table = csv.DictReader((tmp_path / "answers.csv").read_text().splitlines())
    for row, share in zip(table, shares, strict=True):
        best = sorted(share.values(), reverse=True)[:2]
        columns = [float(row[name]) for name in ("probability", "its probability")]
        assert columns == pytest.approx(best, abs=1e-4)


def test_rank__adapter_of_classes__orders_by_its_frozen_encoder_and_says_so(
    run, adapter, encoder, unlabelled
):
    texts = ["a red thing", "a blue thing"]

    done = run("rank", adapter, unlabelled, "--text", texts[0], "--text", texts[1])

    loaded = FrozenEncoder.load(str(encoder))
    features = loaded.encode_images(sorted(unlabelled.iterdir()))
    expected = (features @ loaded.encode_texts(texts, templates="{}").T).max(1)
    assert "only its frozen encoder is used" in done.err
    scores = [float(row[4]) for row in lines(done) if row[1] == "picture" and row[2] == "1"]
    np.testing.assert_allclose(scores, expected, atol=2e-3)


def test_rank__csv__has_a_head_and_no_formulas(rank, unlabelled, tmp_path):
    table = tmp_path / "table.csv"

    done = rank(unlabelled, "--text", "=cmd", "--text", "b", "--csv", table)

    assert (done.code, done.out) == (0, "")
    rows = [*csv.reader(table.read_text().splitlines())]
    assert rows[0] == ["asked about", "kind", "place", "answer", "score"]
    assert {row[3] for row in rows if row[1] == "picture"} == {"'=cmd", "b"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--question", " ", "--answers", "a,b"), "expected a question such as"),
        (("--question", "What is it?"), "--question and --answers go together"),
        (("--sentence", "a {}"), "--sentence is for the answers to a --question"),
        (("--text", "a", "--question", "b?", "--answers", "c,d"), "give captions in one way"),
        ((), "there are no captions for the pictures"),
        (("--question", "b?", "--answers", "c"), "two or more different answers"),
    ],
)
def test_rank__options_that_do_not_fit__are_told_at_once(rank, unlabelled, options, message):
    done = rank(unlabelled, *options)

    assert done.code == 2
    assert message in done.err


def test_rank__another_encoder__is_refused(rank, other_encoder, unlabelled):
    assert rank(unlabelled, "--text", "a", "--encoder", other_encoder).code == 4


@pytest.mark.parametrize(
    "command",
    [
        "predict {pairs} {pictures}",
        "add {pairs} wolf --text wolf",
        "export {pairs} --onnx {out}",
        "library add {out} {pairs}",
    ],
)
def test_commands_of_classes__given_pairs__name_the_command_that_takes_them(
    run, ranking, unlabelled, tmp_path, command
):
    places = {"pairs": ranking, "pictures": unlabelled, "out": tmp_path / "a.onnx"}

    done = run(*(part.format(**places) for part in command.split()))

    assert done.code == 4
    assert "metaadapter rank" in done.err
    assert not (tmp_path / "a.onnx").exists()
