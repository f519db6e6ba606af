"""Pictures of none of the classes, from the command line."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image

from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.workflow.estimator import MetaAdapterClassifier


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


def test_predict__table_and_list__have_columns_for_what_is_unfamiliar_and_for_sets(
    run, predict, adapter, unlabelled, strange, tmp_path
):
    sources = (adapter, unlabelled, strange)

    run("predict", *sources, "--sets", 0.99, "--out", tmp_path / "t.csv")
    listed = run("predict", *sources).out.splitlines()

    expected = [row["unfamiliar"] for row in predict()["predictions"]]
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    columns = ["known", "unfamiliar", "status", "unreadable_reason"]
    assert set(columns) < set(rows[0])
    assert [row["unfamiliar"] for row in rows] == ["yes" if mark else "" for mark in expected]
    for row in rows:
        assert row["label"] in row["set"].split(" | ")
    marks = [line.split("\t")[6] for line in listed]
    assert marks == ["unfamiliar" if mark else "" for mark in expected]
