from __future__ import annotations

import csv
import functools
from pathlib import Path

import numpy as np
import pytest

from metaadapter.apps.cli.app import main
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.labs.ranking.pair_adapter import fit_pairs
from metaadapter.labs.ranking.pairs import load_pairs

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
    arguments = ["captions", pairs, "--out", out, "--encoder", encoder]
    assert main([*map(str, arguments)]) == 0
    return out


@pytest.fixture
def rank(run, ranking):
    """`metaadapter rank` by that adapter."""
    return functools.partial(run, "rank", ranking)


def lines(done):
    assert done.code == 0, done.err
    return [line.split("\t") for line in done.out.splitlines()]


def test_captions__tell_what_left_out_pairs_say_and_keep_the_pairs(run, encoder, pairs, tmp_path):
    out = tmp_path / "pairs.adapter"

    done = run("captions", pairs, "--out", out, "--encoder", encoder)

    assert done.code == 0
    assert "from 9 pairs" in done.out
    assert "the 9 pairs, which have 9 different captions, with each pair left" in done.err
    assert "without the adapter" in done.err
    assert load_pairs(out).config.captions[0] == "a blue thing, number 0"
    assert load_pairs(out).config.templates == ["{}"]


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


def test_rank__manifest_with_captions__tells_recall_and_warns_of_pictures_of_the_pairs(rank, pairs):
    done = rank(pairs, "--json")

    assert done.code == 0
    recall = done.document["recall"]
    assert (recall["captions"]["10"]["n_right"], recall["captions"]["10"]["n"]) == (9, 9)
    assert recall["pictures"].keys() == {"1", "5", "10"}
    assert "fitted to 9 of these pictures" in done.document["warnings"][0]


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
    rank(unlabelled, *question, "--out", tmp_path / "answers.csv")

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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--question", " ", "--answers", "a,b"), "expected a question such as"),
        (("--question", "What is it?"), "--question needs --answers"),
        (("--sentence", "a {}"), "--sentence needs --question"),
        (("--text", "a", "--question", "b?", "--answers", "c,d"), "--text excludes --question"),
        ((), "there are no captions for the pictures"),
        (("--question", "b?", "--answers", "c"), "two or more different answers"),
    ],
)
def test_rank__options_that_do_not_fit__are_told_at_once(rank, unlabelled, options, message):
    done = rank(unlabelled, *options)

    assert done.code == 2
    assert message in done.err
