"""Pictures of none of the classes, from the command line."""

from __future__ import annotations

import csv
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from metaadapter.adapter.files import load_adapter
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.unlabelled_pictures import BACKGROUND, MOST_BACKGROUND


@pytest.fixture(scope="session")
def strange(tmp_path_factory):
    """Pictures of stripes in colours that no class has."""
    folder = tmp_path_factory.mktemp("strange")
    for number in range(4):
        pixels = np.zeros((32, 32, 3), dtype=np.uint8)
        pixels[:: number + 2] = 255
        Image.fromarray(pixels).save(folder / f"stripes-{number}.png")
    return folder


@pytest.fixture
def predict(run, adapter, unlabelled, strange):
    """The document of `predict` on pictures of the classes and strange ones."""

    def document(*options):
        return run("predict", adapter, unlabelled, strange, "--json", *options).document

    return document


def test_predict__probability_of_being_known__is_that_of_the_classifier(predict, adapter, encoder):
    document = predict()

    paths = [row["path"] for row in document["predictions"]]
    X = FrozenEncoder.load(str(encoder)).encode_images(paths)
    classifier = MetaAdapterClassifier.load(adapter)
    known = [row["known"] for row in document["predictions"]]
    np.testing.assert_allclose(known, classifier.predict_known_proba(X), atol=2e-2)
    passed = [not row["unfamiliar"] for row in document["predictions"]]
    assert passed == classifier.predict_known(X).tolist()
    assert document["n_unfamiliar"] == passed.count(False) > 0


def test_predict__reject__answers_unknown_where_a_picture_is_unfamiliar_and_else_as_before(
    run, predict, adapter, strange
):
    pairs = zip(predict()["predictions"], predict("--reject")["predictions"], strict=True)

    for before, after in pairs:
        if before["unfamiliar"]:
            assert after["label"] == "unknown"
            assert after["probability"] == pytest.approx(1 - before["known"])
            assert after["runner_up"] == before["label"]
            assert after["runner_up_probability"] == before["probability"]
        else:
            assert after == before
    assert "their label is `unknown`" in run("predict", adapter, strange, "--reject").err


def test_predict__the_fewer_are_to_be_kept__the_more_are_unfamiliar(predict):
    shares = [0.99, 0.75, 0.5]

    documents = [predict("--keep", share) for share in shares]

    counts = [document["n_unfamiliar"] for document in documents]
    assert counts == sorted(counts)
    assert counts[-1] > 0
    assert [document["keep"] for document in documents] == shares


def test_predict__sets__hold_the_answer_and_grow_with_what_they_promise(predict):
    small, large = (predict("--sets", share)["predictions"] for share in (0.5, 0.99))

    for one, other in zip(small, large, strict=True):
        assert one["set"][0] == other["set"][0] == one["label"]
        assert set(one["set"]) <= set(other["set"])


def test_predict__table_and_list__have_columns_for_what_is_unfamiliar_and_for_sets(
    run, predict, adapter, unlabelled, strange, tmp_path
):
    sources = (adapter, unlabelled, strange)

    run("predict", *sources, "--sets", 0.99, "--csv", tmp_path / "t.csv")
    listed = run("predict", *sources).out.splitlines()

    expected = [row["unfamiliar"] for row in predict()["predictions"]]
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = ["known", "unfamiliar", "status", "unreadable_reason", "duplicate_of"]
    assert set(columns) < set(rows[0])
    assert [row["unfamiliar"] for row in rows] == ["yes" if mark else "" for mark in expected]
    for row in rows:
        assert row["label"] in row["set"].split(" | ")
    marks = [line.split("\t")[6] for line in listed]
    assert marks == ["unfamiliar" if mark else "" for mark in expected]


@pytest.mark.parametrize(("option", "value"), [("--keep", "1.5"), ("--sets", "0.2")])
def test_predict__fraction_out_of_range__ends_with_2_before_pictures_are_read(
    run, adapter, tmp_path, option, value
):
    result = run("predict", adapter, tmp_path / "nowhere.jpg", option, value)

    assert result.code == 2
    assert f"({option}) must be within 0.5 to 0.99, got {value}" in result.err


def test_predict__reject_with_a_class_called_unknown__is_refused(
    run, adapt, pictures, unlabelled, tmp_path
):
    (pictures / "lynx").rename(pictures / "unknown")
    adapt(pictures)

    result = run("predict", tmp_path / "adapter", unlabelled, "--reject")

    assert result.code == 2
    assert "has a class 'unknown', and reject (--reject) gives this label too" in result.err


def test_adapter_that_cannot_tell__predicts_as_ever_and_refuses_to_reject(
    run, adapter, unlabelled, tmp_path
):
    classifier = MetaAdapterClassifier.load(adapter)
    names = ("likeness", "likeness_bias", "known", "known_quantiles", "own_quantiles")
    without = replace(classifier.adapter_, reject_threshold=None, **dict.fromkeys(names))
    classifier.stored_ = replace(classifier.stored_, weights=without)
    classifier.save(tmp_path / "older")

    plain = run("predict", tmp_path / "older", unlabelled, "--json")
    refused = run("predict", tmp_path / "older", unlabelled, "--reject")

    assert plain.code == 0
    assert {row["known"] for row in plain.document["predictions"]} == {None}
    assert refused.code == 2
    assert "cannot tell what is unknown" in refused.err


def test_adapt__background__is_a_class_without_a_name(
    run, adapt, labelled, strange, unlabelled, tmp_path
):
    result = adapt(labelled, "--background", strange, "--json")

    assert result.document["counts"] == {BACKGROUND: 4, "heron": 3, "lynx": 3, "red_fox": 3}
    stored = load_adapter(tmp_path / "adapter")
    assert stored.config.class_names[0] == ""
    assert not stored.support.text_TND[0, 0].any()
    document = run("predict", tmp_path / "adapter", strange, unlabelled, "--json").document
    is_background = [row["label"] == BACKGROUND for row in document["predictions"]]
    assert is_background == 4 * [True] + 6 * [False]


def test_adapt__background_of_copies_and_more_than_serves__is_drawn_from_what_is_new(
    adapt, labelled, tmp_path
):
    many = shutil.copytree(labelled / "lynx", tmp_path / "many")
    for number in range(MOST_BACKGROUND + 3):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(many / f"red-{number}.png")

    result = adapt(labelled, "--background", many, "--json")

    assert result.document["counts"][BACKGROUND] == MOST_BACKGROUND
    assert "3 background picture(s) are copies of labelled ones or of one another" in result.err
    assert f"of {MOST_BACKGROUND + 3} background pictures {MOST_BACKGROUND} are used" in result.err


def test_predict__reject_and_labelled__count_a_folder_unknown(run, adapter, pictures, strange):
    shutil.copytree(strange, pictures / "unknown")

    refused = run("predict", adapter, pictures, "--labelled")
    document = run("predict", adapter, pictures, "--labelled", "--reject", "--json").document

    assert refused.code == 3
    recall = document["scores"]["recall"]["unknown"]
    marks = [row["unfamiliar"] for row in document["predictions"] if "stripes" in row["path"]]
    assert recall["n"] == 4
    assert recall["n_right"] == sum(marks)
