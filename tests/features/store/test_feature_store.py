from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from metaadapter.errors import DataError
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.files.checksums import file_hash, sealed


@pytest.fixture
def folder(encode, tmp_path):
    encode(views=3)
    return tmp_path / "store"


def test_open__complete_store__has_the_encoder_rows_and_texts(folder, encoder):
    store = FeatureStore.open(folder)

    assert (store.encoder, store.logit_scale, store.n_views) == ("mean-colour", 50.0, 3)
    assert store.fingerprint == encoder.fingerprint
    assert (store.n_pictures, store.classes) == (12, ("heron", "stork"))
    assert set(store.class_texts()) == {"heron", "stork"}
    np.testing.assert_array_equal(store.class_texts()["stork"], encoder.encode_texts(["stork"])[0])
    assert store.rows.of_pictures("label").tolist() == ["heron"] * 6 + ["stork"] * 6


def test_files__read_by_hand__are_named_in_the_header_and_mapped(folder):
    header = json.loads((folder / "store.json").read_text())

    features = np.load(folder / header["files"]["features"], mmap_mode="r")
    table = pd.read_feather(folder / header["files"]["pictures"])

    assert header["schema"] == "metaadapter.store/1"
    assert isinstance(features, np.memmap)
    assert (features.dtype, features.shape) == (np.float16, (header["n_rows"], header["dim"]))
    assert table["label"].tolist() == [b"heron"] * 6 + [b"stork"] * 6
    content = Path(table["path"].iloc[-1].decode()).read_bytes()
    assert table["sha256"].iloc[-1] == hashlib.sha256(content).hexdigest()
    assert header["counts"] == {"heron": 6, "stork": 6}


def test_features__map__is_read_only_and_a_copy_goes_to_torch(folder):
    store = FeatureStore.open(folder)

    means, _ = store.mean_features()

    with pytest.raises(ValueError, match="read-only"):
        store.features[0] = 0
    assert torch.from_numpy(means).shape == (12, 16)  # would warn of a read-only array


def test_mean_features__views__are_averaged_into_unit_rows_as_by_a_loop(folder, monkeypatch):
    monkeypatch.setattr("metaadapter.features.views.CHUNK_ROWS", 7)
    store = FeatureStore.open(folder)

    means, labels = store.mean_features()

    for number, (mean, label) in enumerate(zip(means, labels, strict=True)):
        total = sum(row.astype(float) for row in store.features[3 * number : 3 * number + 3])
        np.testing.assert_allclose(mean, total / np.sqrt((total**2).sum()), atol=1e-6)
        assert store.rows.of_pictures("label")[number] == label
    assert means.dtype == np.float32
    assert labels.dtype.kind == "U"


@pytest.mark.parametrize("name", ["features-0001.npy", "pictures-0001.arrow", "texts-0001.npy"])
def test_open__file_missing_or_cut__gives_the_remedy_once_and_never_to_delete(folder, name):
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="damaged") as caught:
        FeatureStore.open(folder).rows.pictures()
    assert str(caught.value).count("restore it from a copy, or run the same") == 1
    assert "delete" not in str(caught.value)

    (folder / name).write_bytes(b"")
    with pytest.raises(DataError, match=rf"damaged.*{name}|{name}.*damaged"):
        FeatureStore.open(folder)

    (folder / name).unlink()
    with pytest.raises(DataError, match=rf"{name}"):
        FeatureStore.open(folder)


@pytest.mark.parametrize("place", [-1, -40, 130])
@pytest.mark.parametrize("name", ["features-0001.npy", "pictures-0001.arrow", "texts-0001.npy"])
def test_open__file_of_which_a_bit_was_flipped__is_refused_before_an_answer(folder, name, place):
    content = bytearray((folder / name).read_bytes())
    content[place] ^= 1
    (folder / name).write_bytes(content)

    with pytest.raises(DataError, match=rf"{name} is damaged .*store\.json"):
        FeatureStore.open(folder).mean_features()


def test_identity__of_a_store__changes_with_features_labels_and_texts(make_store):
    def identity(name, seed=0, counts=None):
        return make_store(name, counts or {"heron": 3, "stork": 3}, seed=seed).identity

    first = make_store("first", {"heron": 3, "stork": 3})
    assert first.identity == FeatureStore.open(first.folder).identity
    other = make_store("other", {"heron": 3, "stork": 3}, seed=1)
    assert first.identity != other.identity
    texts, store = np.load(first.folder / "texts-0001.npy"), first.folder / "store.json"
    np.save(first.folder / "texts-0001.npy", texts[::-1])
    values = json.loads(store.read_text())
    files = values.pop("proof")["files"]
    files["texts-0001.npy"] = file_hash(first.folder / "texts-0001.npy")
    store.write_text(json.dumps(sealed(values, files)))
    assert FeatureStore.open(first.folder).identity != first.identity


def test_open__folder_of_another_kind_with_a_lock__is_not_called_unfinished(tmp_path):
    for name in (".lock", "adapter_config.json"):
        (tmp_path / name).touch()

    with pytest.raises(DataError, match=r"is not a feature store: it has no store\.json"):
        FeatureStore.open(tmp_path)
