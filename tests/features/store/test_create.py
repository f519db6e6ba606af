from __future__ import annotations

import numpy as np
import pytest

from metaadapter.errors import DataError
from metaadapter.features.store.feature_store import FeatureStore

WIDTH = 24


@pytest.fixture
def rows():
    return np.random.default_rng(0).standard_normal((10, WIDTH)).astype(np.float32)


@pytest.fixture
def labels():
    return ["heron", "stork"] * 5


@pytest.fixture
def texts():
    rng = np.random.default_rng(1)
    return {label: rng.standard_normal(WIDTH) for label in ("heron", "stork", "egret")}


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def test_create__arrays__are_unit_rows_with_their_columns_and_texts(tmp_path, rows, labels, texts):
    store = FeatureStore.create(
        tmp_path / "store",
        7 * rows,
        labels,
        texts=texts,
        groups=["burst"] * 2 + [None] * 8,
        splits=["train"] * 5 + ["test"] * 5,
        paths=[f"{number}.jpg" for number in range(10)],
        encoder="mine",
        logit_scale=30.0,
    )

    features, result = store.mean_features()
    np.testing.assert_allclose(features, unit(rows), atol=3e-4)
    assert result.tolist() == labels
    assert store.rows.of_pictures("group").tolist() == ["burst"] * 2 + [""] * 8
    assert store.rows.of_pictures("split").tolist() == ["train"] * 5 + ["test"] * 5
    assert store.rows.of_pictures("path")[3] == "3.jpg"
    assert (store.encoder, store.logit_scale, store.n_views) == ("mine", 30.0, 1)
    assert store.classes == ("heron", "stork")
    np.testing.assert_allclose(store.class_texts()["heron"], unit(texts["heron"]), atol=1e-6)


def test_create__batches_or_chunks__make_the_same_store_as_the_whole(
    tmp_path, rows, labels, monkeypatch
):
    whole = FeatureStore.create(tmp_path / "whole", rows, labels)
    monkeypatch.setattr("metaadapter.features.store.writer.CHUNK_PICTURES", 4)

    batches = (rows[start : start + 3] for start in range(0, 10, 3))
    for name, given in (("batches", batches), ("chunks", rows)):
        store = FeatureStore.create(tmp_path / name, given, labels)

        np.testing.assert_array_equal(store.features, whole.features)
        assert store.rows.pictures() == whole.rows.pictures()
        assert store.header.recipe == whole.header.recipe


@pytest.mark.parametrize(
    ("value", "message"), [(np.nan, "not finite"), (np.inf, "not finite"), (0.0, "zero")]
)
def test_create__row_that_is_no_feature__is_named_and_leaves_no_store(
    tmp_path, rows, value, message
):
    rows[7] = value

    with pytest.raises(DataError, match=rf"features of row 7 are {message}"):
        FeatureStore.create(tmp_path / "store", iter([rows[:5], rows[5:]]))

    with pytest.raises(DataError, match="not a feature store yet"):
        FeatureStore.open(tmp_path / "store")
    assert {path.name for path in (tmp_path / "store").iterdir()} == {".lock"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": np.ones(3)}, r"an array \(pictures, width\).*got \(3,\)"),
        ({"features": np.ones((2, 3), dtype=int)}, r"floating-point numbers.*int64"),
        ({"features": iter([])}, "at least one picture, got none"),
        ({"features": np.ones((0, 5))}, "at least one picture, got none"),
        ({"features": iter([np.ones((2, 5)), np.ones((1, 6))])}, r"\(1, 6\) from row 2 on"),
        ({"labels": ["heron"]}, "expected 10 labels, one for each picture"),
        ({"groups": ["a"] * 11}, "expected 10 groups, one for each picture"),
        ({"labels": ["heron"] * 9 + [float("nan")]}, r"labels\[9\] is nan; expected text"),
        ({"labels": ["heron"] * 9 + ["lynx"]}, r"as the text of the label 'lynx', got \(0,\)"),
        (
            {"texts": {"heron": np.ones(3), "stork": np.ones(WIDTH)}},
            r"24 finite numbers.*label 'heron'",
        ),
        ({"texts": {"heron": np.ones(WIDTH), "stork": np.zeros(WIDTH)}}, "of the label 'stork'"),
    ],
)
def test_create__argument_that_does_not_fit__says_what_was_expected(
    tmp_path, rows, labels, texts, change, message
):
    arguments = {"features": rows, "labels": labels, "texts": texts} | change

    with pytest.raises(DataError, match=message):
        FeatureStore.create(tmp_path / "store", **arguments)


def test_create__with_the_encoder__has_its_fingerprint_temperature_and_width(
    tmp_path, encoder, pictures, rows
):
    features = encoder.encode_images(sorted(pictures.rglob("*.png")))

    store = FeatureStore.create(tmp_path / "store", features, encoder=encoder)

    store.fingerprint.require_match(encoder.fingerprint, owner="it")
    assert (store.encoder, store.logit_scale) == ("mean-colour", 50.0)
    with pytest.raises(
        DataError, match=r"16 wide, as the encoder mean-colour computes them, got features 24"
    ):
        FeatureStore.create(tmp_path / "wider", rows, encoder=encoder)
