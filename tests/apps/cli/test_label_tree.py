"""`adapt --tree`, and what `predict` then says in every form; `evaluate --set tree=…`."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest

TREE = "animal\n  bird\n    heron\n  mammal\n    lynx\n    red fox\n"


@pytest.fixture
def tree(tmp_path):
    file = tmp_path / "tree.txt"
    file.write_text(TREE)
    return file


@pytest.fixture
def treed(adapt, labelled, tree, tmp_path):
    """The folder of an adapter with the tree."""
    assert adapt(labelled, "--tree", tree).code == 0
    return tmp_path / "adapter"


def test_predict__json__has_path_level_and_probabilities_that_add_up(run, treed, unlabelled):
    document = run("predict", treed, unlabelled, "--json", "--sure", 0.75).document

    assert document["sure"] == 0.75
    for row in document["predictions"]:
        shares, sure = row["probabilities"], row["sure"]
        mammal = shares["lynx"] + shares["red_fox"]
        sums = {"animal": 1.0, "bird": shares["heron"], "mammal": mammal, **shares}
        assert sure["level"] == len(sure["path"]) >= 1
        assert sure["path"][0] == "animal"
        assert sure["probabilities"] == pytest.approx([sums[name] for name in sure["path"]])
        assert (sure["label"], sure["probability"]) == (sure["path"][-1], sure["probabilities"][-1])
        deepest = [name for name, share in sums.items() if share >= 0.75]
        assert sure["label"] in deepest
        assert all(name in sure["path"] for name in deepest)


def test_predict__table__has_the_same_answers(run, treed, unlabelled, tmp_path):
    rows = run("predict", treed, unlabelled, "--json").document["predictions"]

    assert run("predict", treed, unlabelled, "--out", tmp_path / "answers.csv").code == 0

    of_csv = [*csv.DictReader((tmp_path / "answers.csv").read_text(encoding="utf-8").splitlines())]
    for row, other in zip(rows, of_csv, strict=True):
        assert other["sure_label"] == row["sure"]["label"]
        assert float(other["sure_probability"]) == row["sure"]["probability"]
        assert int(other["sure_level"]) == row["sure"]["level"]
        assert other["sure_path"] == " | ".join(row["sure"]["path"])
        shares = map(float, other["sure_probabilities"].split(" | "))
        assert [*shares] == row["sure"]["probabilities"]


def test_predict__console__nothing_is_sure__leaves_both_cells_empty(
    run, tree, unlabelled, tmp_path
):
    tree.write_text("lynx\na lynx\n")
    names = ("--names", "lynx,a lynx", "--encoder", "tiny")
    run("adapt", *names, "--tree", tree, "--out", tmp_path / "names")

    out = run("predict", tmp_path / "names", unlabelled, "--sure", 0.99).out

    lines = [*csv.reader(out.splitlines(), delimiter="\t")]
    assert lines
    assert all(line[-2:] == ["", ""] for line in lines)


def test_predict__allowed_classes__have_the_sums_of_the_tree(run, treed, unlabelled):
    document = run("predict", treed, unlabelled, "--json", "--allowed", "heron,lynx").document

    for row in document["predictions"]:
        shares, path = row["probabilities"], row["sure"]["path"]
        sums = {"animal": 1.0, "bird": shares["heron"], "mammal": shares["lynx"], **shares}
        assert shares["red_fox"] == 0
        assert row["sure"]["probabilities"] == pytest.approx([sums[name] for name in path])


def test_evaluate__tree__has_figures_by_level(run, encode, labelled, tree, tmp_path):
    encode(labelled)

    few = ("--methods", "zero-shot", "--shots", 1, "--seeds", 2, "--jobs", 1)
    more = ("--out", tmp_path / "run", "--set", f"tree={tree}")
    assert run("evaluate", tmp_path / "store", *few, *more).code == 0

    rows = pd.read_csv(tmp_path / "run" / "rows.csv")
    assert (rows["level_1"] == 1).all()
    assert (rows["level_1"] >= rows["level_2"]).all()
    assert (rows["level_2"] >= rows["level_3"]).all()
    np.testing.assert_allclose(rows["level_3"], rows["accuracy"])
    assert (rows["sure_answered"] == 1).all()  # all is an animal
    assert rows["sure_right"].between(0, 1).all()
    assert rows["mistake_distance"].dropna().between(2, 4).all()
