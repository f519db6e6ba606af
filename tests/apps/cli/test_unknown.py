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


def test_predict__probability_of_being_known__is_that_of_the_classifier(
    run, adapter, unlabelled, strange, encoder
):
    document = run("predict", adapter, unlabelled, strange, "--json").document

    paths = [it["path"] for it in document["predictions"]]
    X = FrozenEncoder.load(str(encoder)).encode_images(paths)
    classifier = MetaAdapterClassifier.load(adapter)
    known = [it["known"] for it in document["predictions"]]
    np.testing.assert_allclose(known, classifier.predict_known_proba(X), atol=2e-2)
    passed = [not it["unfamiliar"] for it in document["predictions"]]
    assert passed == classifier.predict_known(X).tolist()
    assert document["n_unfamiliar"] == passed.count(False) > 0


def test_predict__reject__answers_unknown_where_a_picture_is_unfamiliar_and_else_as_before(
    run, adapter, unlabelled, strange
):
    plain = run("predict", adapter, unlabelled, strange, "--json").document["predictions"]
    result = run("predict", adapter, unlabelled, strange, "--reject", "--json")

    for before, after in zip(plain, result.document["predictions"], strict=True):
        if before["unfamiliar"]:
            assert after["label"] == "unknown"
            assert after["probability"] == pytest.approx(1 - before["known"])
            assert after["runner_up"] == before["label"]
            assert after["runner_up_probability"] == before["probability"]
        else:
            assert after == before
    assert "their label is `unknown`" in result.err


def test_predict__the_fewer_are_to_be_kept__the_more_are_unfamiliar(
    run, adapter, unlabelled, strange
):
    numbers = [
        run("predict", adapter, unlabelled, strange, "--keep", keep, "--json").document
        for keep in (0.99, 0.75, 0.5)
    ]

    counts = [each["n_unfamiliar"] for each in numbers]
    assert counts == sorted(counts)
    assert counts[-1] > 0
    assert [each["keep"] for each in numbers] == [0.99, 0.75, 0.5]


def test_predict__sets__hold_the_answer_and_grow_with_what_they_promise(run, adapter, unlabelled):
    small, large = (
        run("predict", adapter, unlabelled, "--sets", sets, "--json").document["predictions"]
        for sets in (0.5, 0.99)
    )

    for one, other in zip(small, large, strict=True):
        assert one["set"][0] == other["set"][0] == one["label"]
        assert set(one["set"]) <= set(other["set"])


def test_predict__table__has_columns_for_what_is_unfamiliar_and_for_sets(
    run, adapter, unlabelled, strange, tmp_path
):
    run("predict", adapter, unlabelled, strange, "--sets", 0.99, "--csv", tmp_path / "t.csv")

    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[5:8] == ["known", "unfamiliar", "set"]
    assert {row["unfamiliar"] for row in rows} == {"", "yes"}
    for row in rows:
        assert row["label"] in row["set"].split(" | ")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--keep", "1.5", "--keep must be within 0.5 to 0.99, got 1.5"),
        ("--sets", "0.2", "--sets must be within 0.5 to 0.99, got 0.2"),
    ],
)
def test_predict__fraction_out_of_range__ends_with_2_before_pictures_are_read(
    run, adapter, tmp_path, option, value, message
):
    result = run("predict", adapter, tmp_path / "nowhere.jpg", option, value)

    assert result.code == 2
    assert message in result.err


def test_predict__reject_with_a_class_called_unknown__is_refused(
    run, labelled, encoder, unlabelled, tmp_path
):
    pictures = shutil.copytree(labelled, tmp_path / "pictures")
    (pictures / "lynx").rename(pictures / "unknown")
    run("adapt", pictures, "--out", tmp_path / "adapter", "--encoder", encoder)

    result = run("predict", tmp_path / "adapter", unlabelled, "--reject")

    assert result.code == 2
    assert "has a class 'unknown', which is the label of --reject too" in result.err


def test_adapter_that_cannot_tell__predicts_as_ever_and_refuses_to_reject(
    run, adapter, unlabelled, tmp_path
):
    classifier = MetaAdapterClassifier.load(adapter)
    nothing = dict.fromkeys(
        (
            *("likeness", "likeness_bias", "known", "known_quantiles", "own_quantiles"),
            "reject_threshold",
        )
    )
    without = replace(classifier.adapter_, **nothing)
    classifier.stored_ = replace(classifier.stored_, weights=without)
    classifier.save(tmp_path / "older")

    plain = run("predict", tmp_path / "older", unlabelled, "--json")
    refused = run("predict", tmp_path / "older", unlabelled, "--reject")

    assert plain.code == 0
    assert {it["known"] for it in plain.document["predictions"]} == {None}
    assert refused.code == 2
    assert "cannot tell what is unknown" in refused.err


def test_adapt__background__is_a_class_without_a_name(
    run, labelled, encoder, strange, unlabelled, tmp_path
):
    out = tmp_path / "adapter"

    result = run(
        "adapt", labelled, "--background", strange, "--out", out, "--encoder", encoder, "--json"
    )

    assert result.document["counts"] == {BACKGROUND: 4, "heron": 3, "lynx": 3, "red_fox": 3}
    stored = load_adapter(out)
    assert stored.config.class_names[0] == ""
    assert not stored.support.text_TND[0, 0].any()
    answers = run("predict", out, strange, unlabelled, "--json").document["predictions"]
    assert [it["label"] == BACKGROUND for it in answers] == 4 * [True] + 6 * [False]


def test_adapt__background_of_labelled_pictures__leaves_them_out(
    run, labelled, encoder, strange, tmp_path
):
    mixed = shutil.copytree(strange, tmp_path / "mixed")
    shutil.copy(labelled / "lynx" / "0.png", mixed)

    result = run(
        *("adapt", labelled, "--background", mixed, "--out", tmp_path / "adapter"),
        *("--encoder", encoder, "--json"),
    )

    assert result.document["counts"][BACKGROUND] == 4
    assert "1 background picture(s) are copies of labelled ones or of one another" in result.err


def test_adapt__more_background_than_serves__is_drawn_by_the_seed(run, labelled, encoder, tmp_path):
    many = tmp_path / "many"
    many.mkdir()
    for number in range(MOST_BACKGROUND + 3):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(many / f"{number}.png")

    result = run(
        *("adapt", labelled, "--background", many, "--out", tmp_path / "adapter"),
        *("--encoder", encoder, "--json"),
    )

    assert result.document["counts"][BACKGROUND] == MOST_BACKGROUND
    assert f"of {MOST_BACKGROUND + 3} background pictures {MOST_BACKGROUND} are used" in result.err


def test_adapt__background__beside_a_class_of_that_name__is_refused(
    run, labelled, encoder, strange, tmp_path
):
    pictures = shutil.copytree(labelled, tmp_path / "pictures")
    (pictures / "lynx").rename(pictures / BACKGROUND)

    result = run(
        *("adapt", pictures, "--background", strange, "--out", tmp_path / "adapter"),
        *("--encoder", encoder),
    )

    assert result.code == 2
    assert "there is one already" in result.err


def test_adapt__background_that_is_not_there__ends_with_3_before_anything_is_encoded(
    run, labelled, tmp_path
):
    result = run(
        *("adapt", labelled, "--background", tmp_path / "nowhere", "--out", tmp_path / "adapter")
    )

    assert result.code == 3
    assert "there is no such file or folder" in result.err


def test_adapt__background_among_names__is_refused(run, encoder, strange, tmp_path):
    result = run(
        *("adapt", "--names", "background,a hand", "--background", strange),
        *("--out", tmp_path / "adapter", "--encoder", encoder),
    )

    assert result.code == 2
    assert "there is one already" in result.err


def test_adapt__background_of_labelled_pictures_alone__ends_with_3(
    run, labelled, encoder, tmp_path
):
    result = run(
        *("adapt", labelled, "--background", labelled, "--out", tmp_path / "adapter"),
        *("--encoder", encoder),
    )

    assert result.code == 3
    assert "all pictures in it are labelled ones" in result.err


def test_predict__reject_and_labelled__count_a_folder_unknown(
    run, adapter, labelled, strange, tmp_path
):
    pictures = shutil.copytree(labelled, tmp_path / "pictures")
    shutil.copytree(strange, pictures / "unknown")

    refused = run("predict", adapter, pictures, "--labelled")
    result = run("predict", adapter, pictures, "--labelled", "--reject", "--json")

    assert refused.code == 3
    recall = result.document["scores"]["recall"]["unknown"]
    found = [it for it in result.document["predictions"] if "stripes" in it["path"]]
    assert recall["n"] == 4
    assert recall["n_right"] == sum(it["unfamiliar"] for it in found)


def test_predict__list__marks_what_is_unfamiliar(run, adapter, unlabelled, strange):
    document = run("predict", adapter, unlabelled, strange, "--json").document
    lines = run("predict", adapter, unlabelled, strange).out.splitlines()

    marks = [line.split("\t")[6] for line in lines]
    assert marks == ["unfamiliar" if it["unfamiliar"] else "" for it in document["predictions"]]
