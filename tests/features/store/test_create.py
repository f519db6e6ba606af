from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest

from metaadapter.errors import DataError, IncompatibleArtifact, MetaAdapterError, UsageError
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.merge import merge_stores

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
    assert store.rows.group.tolist() == ["burst"] * 2 + [""] * 8
    assert store.rows.split.tolist() == ["train"] * 5 + ["test"] * 5
    assert store.rows.path[3] == "3.jpg"
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


def test_create__columns_of_pandas__are_taken_by_position_and_not_by_index(tmp_path, rows, labels):
    shuffled = pd.Series(labels, index=range(9, -1, -1))

    store = FeatureStore.create(tmp_path / "store", rows, shuffled, paths=shuffled, splits=shuffled)

    for column in (store.rows.label, store.rows.path, store.rows.split):
        assert column.tolist() == labels


def test_create__batches_end_with_an_error_of_the_system__is_not_blamed_on_the_disk(tmp_path, rows):
    def batches():
        yield rows
        (tmp_path / "gone.npy").read_bytes()

    with pytest.raises(DataError, match=r"batches of features ended with an error: .*gone\.npy"):
        FeatureStore.create(tmp_path / "store", batches())


def test_create__views__are_rows_of_a_picture_each_of_length_1(tmp_path, rows):
    views = rows.reshape(5, 2, WIDTH) * np.array([1, 100])[:, None]

    store = FeatureStore.create(tmp_path / "store", views)

    assert (store.n_pictures, store.n_views) == (5, 2)
    np.testing.assert_allclose(store.by_picture(), unit(views), atol=3e-4)


def test_create__no_labels_and_no_texts__are_empty(tmp_path, rows):
    store = FeatureStore.create(tmp_path / "store", rows)

    assert (store.classes, store.class_texts(), store.logit_scale) == ((), {}, None)
    assert store.rows.path[2] == "picture 2"


def test_create__labels_without_texts__have_zeros_and_none_for_a_classifier(tmp_path, rows):
    labels = [1, 2, None, *[1] * 7]

    store = FeatureStore.create(tmp_path / "store", rows, labels)

    assert store.classes == ("1", "2")
    assert store.mean_features()[1].tolist() == ["1", "2", "", *["1"] * 7]
    assert store.texts.shape == (2, WIDTH)
    assert not store.texts.any()
    assert store.class_texts() == {}


def test_create__hash__is_that_of_the_features_as_kept(tmp_path, rows):
    rows[4] = 2 * rows[1]

    store = FeatureStore.create(tmp_path / "store", rows)

    kept = [hashlib.sha256(row.tobytes()).hexdigest() for row in np.array(store.features)]
    assert store.rows.sha256.tolist() == kept
    assert kept[4] == kept[1]
    assert len(set(kept)) == 9


@pytest.mark.parametrize(
    ("value", "message"), [(np.nan, "not finite"), (np.inf, "not finite"), (0.0, "zero")]
)
def test_create__row_that_is_no_feature__is_named_and_leaves_no_store(
    tmp_path, rows, value, message
):
    rows[7] = value

    with pytest.raises(DataError, match=rf"features of row 7 are {message}"):
        FeatureStore.create(tmp_path / "store", iter([rows[:5], rows[5:]]))

    with pytest.raises(DataError, match="not a feature store"):
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
        ({"labels": ["heron"] * 9 + ["lynx"]}, r"no entry for 'lynx', the label of row 9"),
        (
            {"texts": {"heron": np.ones(3), "stork": np.ones(WIDTH)}},
            r"text of 'heron'.*row 0.*24 f",
        ),
        ({"texts": {"heron": np.ones(WIDTH), "stork": np.zeros(WIDTH)}}, r"text of 'stork'.*row 1"),
    ],
)
def test_create__argument_that_does_not_fit__says_what_was_expected(
    tmp_path, rows, labels, texts, change, message
):
    arguments = {"features": rows, "labels": labels, "texts": texts} | change

    with pytest.raises(DataError, match=message):
        FeatureStore.create(tmp_path / "store", **arguments)


def test_create__failed__may_be_tried_again_and_made_is_not_made_anew(tmp_path, rows, labels):
    with pytest.raises(DataError):
        FeatureStore.create(tmp_path / "store", rows, labels[:3])

    assert FeatureStore.create(tmp_path / "store", rows, labels).n_pictures == 10
    with pytest.raises(UsageError, match="is a feature store already; choose a new folder"):
        FeatureStore.create(tmp_path / "store", rows)


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


def test_create__two_names__are_two_encoders(tmp_path, rows):
    one = FeatureStore.create(tmp_path / "one", rows, encoder="a")
    other = FeatureStore.create(tmp_path / "other", rows, encoder="b")

    with pytest.raises(IncompatibleArtifact, match="Use --encoder a"):
        one.fingerprint.require_match(other.fingerprint, owner="the store one")


def test_merge__stores_without_texts__keep_their_classes(tmp_path, rows, labels):
    FeatureStore.create(tmp_path / "one", rows[:5], labels[:5], paths=list("abcde"))
    FeatureStore.create(tmp_path / "two", rows[5:], labels[5:], paths=list("fghij"))

    whole = merge_stores([tmp_path / "one", tmp_path / "two"], tmp_path / "whole")

    assert (whole.n_pictures, whole.classes) == (10, ("heron", "stork"))
    assert not whole.texts.any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"logit_scale": float("nan")}, "logit_scale must be positive and finite.* got nan"),
        ({"labels": ["\ud800"] * 10}, r"labels\[0\] is '\\ud800'"),
        ({"paths": ["\ud800"] * 10}, r"paths\[0\] is '\\ud800'"),
        ({"encoder": "\ud800"}, "half a character"),
        ({"features": np.ones((10, 0))}, r"got \(10, 0\)"),
        ({"features": np.ones((10, 0, 3))}, r"got \(10, 0, 3\)"),
    ],
    ids=lambda value: str(value)[:24],
)
def test_create__what_cannot_be_read_again__is_not_written(tmp_path, rows, changes, message):
    given = {"features": rows, **changes}

    with pytest.raises(MetaAdapterError, match=message):
        FeatureStore.create(tmp_path / "store", **given)
