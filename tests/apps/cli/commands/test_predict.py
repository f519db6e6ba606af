from __future__ import annotations

import csv
import functools
import shutil

import numpy as np
import pytest

from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.prediction import query_parts

PREDICTION_KEYS = {
    *("path", "label", "probability", "runner_up", "runner_up_probability", "in_support"),
    *("probabilities", "known", "unfamiliar", "set"),
}


@pytest.fixture
def predict(run, adapter):
    """`metaadapter predict ADAPTER …` with the adapter of the small encoder."""
    return functools.partial(run, "predict", adapter)


def lines(result):
    return list(csv.reader(result.out.splitlines(), delimiter="\t"))


def shares_in(document):
    return [[*row["probabilities"].values()] for row in document["predictions"]]


@pytest.mark.parametrize(
    ("views", "seed"), [(1, 0), (3, 4)], ids=["whole pictures", "several views"]
)
def test_predict__folder__agrees_with_the_classifier(
    run, adapt, labelled, unlabelled, encoder, tmp_path, views, seed
):
    adapt(labelled, looks=f",views={views},seed={seed}")

    document = run("predict", tmp_path / "adapter", unlabelled, "--json").document

    paths = sorted(unlabelled.iterdir())
    X = FrozenEncoder.load(str(encoder)).encode_images(paths, views=views, seed=seed)
    expected = MetaAdapterClassifier.load(tmp_path / "adapter").predict_proba(X)
    assert [row["path"] for row in document["predictions"]] == [str(path) for path in paths]
    assert document["classes"] == ["heron", "lynx", "red_fox"]
    assert set(document["predictions"][0]) == PREDICTION_KEYS
    # Features are kept in float16.
    np.testing.assert_allclose(shares_in(document), expected, atol=2e-2)


@pytest.mark.parametrize("pictures_at_once", [2, 100])
def test_predict__unreadable_pictures_among_others__are_listed(
    predict, unlabelled, tmp_path, monkeypatch, pictures_at_once
):
    source = shutil.copytree(unlabelled, tmp_path / "pictures")
    broken = [source / f"a-{number}.jpg" for number in range(3)]
    for path in broken:
        path.write_bytes(b"no picture")
    monkeypatch.setattr(query_parts, "PICTURES_AT_ONCE", pictures_at_once)

    result = predict(source, "--json")

    assert result.code == 0
    assert "left out, because unreadable: 3" in result.err
    paths = [row["path"] for row in result.document["quarantined"]]
    assert paths == [str(path) for path in broken]
    assert len(result.document["predictions"]) == 6


def test_predict__folder_that_is_no_adapter__ends_with_4(run, labelled, unlabelled):
    result = run("predict", labelled, unlabelled, "--json")

    assert result.code == 4
    assert result.document["error"]["kind"] == "incompatible-artifact"
    assert "is not an adapter" in result.err


def test_predict__other_encoder__ends_with_4(
    predict, encode, adapter, unlabelled, other_encoder, tmp_path
):
    encode(unlabelled, "--encoder", other_encoder)

    of_pictures = predict(unlabelled, "--encoder", other_encoder)
    of_store = predict(tmp_path / "store")

    assert of_pictures.code == of_store.code == 4
    assert f"the adapter {adapter} was made with the encoder" in of_pictures.err


def test_predict__adapter_of_unnamed_features__asks_for_an_encoder_of_their_width(
    run, encode, unlabelled, encoder, tmp_path
):
    X = np.eye(4, 16, dtype=np.float32)
    MetaAdapterClassifier(logit_scale=100.0).fit(X, ["a", "a", "b", "b"]).save(tmp_path / "adapter")
    store = tmp_path / "store"
    encode(unlabelled, looks=",zoom=no")

    unnamed = run("predict", tmp_path / "adapter", unlabelled)
    of_store = run("predict", tmp_path / "adapter", store)
    of_pictures = run("predict", tmp_path / "adapter", unlabelled, "--encoder", encoder)

    assert unnamed.code == 2
    assert "--encoder" in unnamed.err
    assert of_store.code == of_pictures.code == 4
    assert f"features 16 wide, but those of the feature store {store} are 32 wide" in of_store.err
    assert f"features 16 wide, but those of the encoder {encoder} are 32 wide" in of_pictures.err


def test_predict__rank__puts_the_most_probable_of_a_class_first(predict, unlabelled):
    result = predict(unlabelled, "--sort", "red_fox", "--top", "3")

    probabilities = [float(line[5]) for line in lines(result)]
    assert len(probabilities) == 3
    assert probabilities == sorted(probabilities, reverse=True)


@pytest.fixture
def interrupt_after(monkeypatch):
    """Ctrl-C while the pictures after the first so many are encoded, two at a time."""
    encode = query_parts.encode_rows

    def arrange(n_pictures):
        left = [n_pictures]

        def encode_some(pictures, *arguments, **options):
            if left[0] <= 0:
                raise KeyboardInterrupt
            left[0] -= len(pictures)
            return encode(pictures, *arguments, **options)

        monkeypatch.setattr(query_parts, "PICTURES_AT_ONCE", 2)
        monkeypatch.setattr(query_parts, "encode_rows", encode_some)

    return arrange


@pytest.fixture
def to_csv(predict, unlabelled, tmp_path):
    """`predict` of the unlabelled pictures into the table tmp_path/answers.csv."""

    def command(*options, source=unlabelled):
        return predict(source, "--out", tmp_path / "answers.csv", *options)

    return command


def test_predict__same_command_after_an_interruption__goes_on_with_its_rows(
    to_csv, tmp_path, interrupt_after
):
    interrupt_after(4)
    stopped = to_csv()
    interrupt_after(2)

    done = to_csv()

    assert stopped.code == 130
    assert "the same command resumes there" in stopped.err
    assert done.code == 0
    assert "4 of the predictions are from the interrupted run" in done.err
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []
    resumed = (tmp_path / "answers.csv").read_bytes()
    interrupt_after(6)
    assert "interrupted run" not in to_csv().err
    assert (tmp_path / "answers.csv").read_bytes() == resumed


def test_predict__labelled__tells_how_many_are_correct_with_the_interval(predict, labelled):
    result = predict(labelled, "--labelled", "--json")

    rows, accuracy = result.document["predictions"], result.document["scores"]["accuracy"]
    is_right = [row["path"].split("/")[-2] == row["label"] for row in rows]
    assert accuracy["value"] == np.mean(is_right)
    assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
    assert accuracy["n"] == 9
    assert "95 % interval" in result.err
    assert "predicted correctly: " in predict(labelled, "--labelled", "--quiet").err


def test_predict__feature_store__needs_no_encoder(
    predict, encode, unlabelled, tmp_path, monkeypatch
):
    def refuse_to_load(*_, **__):
        raise AssertionError("the encoder was loaded")

    encode(unlabelled)
    expected = predict(unlabelled).out
    monkeypatch.setattr(FrozenEncoder, "load", refuse_to_load)

    assert predict(tmp_path / "store").out == expected
