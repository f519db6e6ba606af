from __future__ import annotations

import shutil

import pytest


@pytest.fixture
def own(adapter, tmp_path):
    return shutil.copytree(adapter, tmp_path / "my adapter")


def test_add__pictures__are_known_again_by_predict(run, own, unlabelled):
    wolves = sorted(unlabelled.glob("lynx-*"))

    assert run("add", own, "grey_wolf", *wolves).code == 0
    result = run("predict", own, *wolves, unlabelled / "heron-0.png", "--json")

    assert "predicted from 2 of these very pictures" in result.err
    assert str(wolves[0]) in result.err
    assert [row["in_support"] for row in result.document["predictions"]] == [True, True, False]


def test_add__picture_of_another_class__is_pointed_out(run, own, labelled):
    result = run("add", own, "wolf", labelled / "lynx" / "0.png")

    assert result.code == 0
    assert "predicted from 1 of these very pictures already" in result.err


def test_add__json__is_one_document_and_quiet_prints_nothing_more(run, own, unlabelled):
    wolves = unlabelled.glob("lynx-*")

    result = run("add", own, "wolf", *wolves, "--text", "a wolf", "--json", "--quiet")

    assert result.document["schema"] == "metaadapter.add/1"
    assert (result.document["name"], result.document["n_pictures"]) == ("a wolf", 2)
    assert result.document["counts"] == {"heron": 3, "lynx": 3, "red_fox": 3, "wolf": 2}
    assert result.err == ""
