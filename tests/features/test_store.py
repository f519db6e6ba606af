from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.features.extraction import encode_to_store
from metaadapter.features.store import FeatureStore
from metaadapter.features.store_rows import StoredPicture, StoreRows


@pytest.fixture
def folder(pictures, read_table, encoder, tmp_path):
    encode_to_store(read_table(pictures), encoder, tmp_path / "store", views=3)
    return tmp_path / "store"


def edit_header(folder, **changes):
    header = json.loads((folder / "store.json").read_text())
    (folder / "store.json").write_text(json.dumps(header | changes))


def test_open__complete_store__has_the_encoder_rows_and_texts(folder, encoder):
    store = FeatureStore.open(folder, fingerprint=encoder.fingerprint)

    assert (store.encoder, store.logit_scale, store.n_views) == ("mean-colour", 50.0, 3)
    assert store.fingerprint == encoder.fingerprint
    assert (store.n_pictures, store.classes) == (12, ("heron", "stork"))
    assert set(store.class_texts()) == {"heron", "stork"}
    np.testing.assert_array_equal(store.class_texts()["stork"], encoder.encode_texts(["stork"])[0])
    assert store.rows.label[:3].tolist() == ["heron"] * 3
    assert store.rows.picture.tolist() == np.repeat(np.arange(12), 3).tolist()


def test_files__read_by_hand__are_named_in_the_header_and_mapped(folder):
    header = json.loads((folder / "store.json").read_text())

    features = np.load(folder / header["files"]["features"], mmap_mode="r")
    table = (folder / header["files"]["rows"]).read_text(encoding="utf-8").splitlines()

    assert header["schema"] == "metaadapter.store/1"
    assert isinstance(features, np.memmap)
    assert (features.dtype, features.shape) == (np.float16, (header["n_rows"], header["dim"]))
    assert table[0] == "picture,view,path,label,split,group,sha256"
    assert len(table) == header["n_rows"] + 1
    assert header["counts"] == {"heron": 6, "stork": 6}


def test_features__map__is_read_only_and_a_copy_goes_to_torch(folder):
    store = FeatureStore.open(folder)

    means, _ = store.mean_features()

    with pytest.raises(ValueError, match="read-only"):
        store.features[0] = 0
    assert torch.from_numpy(means).shape == (12, 16)  # would warn of a read-only array


def test_mean_features__views__are_averaged_into_unit_rows_as_by_a_loop(folder, monkeypatch):
    monkeypatch.setattr("metaadapter.features.store.CHUNK_ROWS", 7)
    store = FeatureStore.open(folder)

    means, labels = store.mean_features()

    for number, (mean, label) in enumerate(zip(means, labels, strict=True)):
        mine = store.rows.picture == number
        total = sum(row.astype(float) for row in store.features[mine])
        np.testing.assert_allclose(mean, total / np.sqrt((total**2).sum()), atol=1e-6)
        assert set(store.rows.label[mine]) == {label}
    assert means.dtype == np.float32
    assert labels.dtype.kind == "U"


def test_open__other_fingerprint__names_both_encoders_and_the_remedy(folder, make_encoder):
    message = r"made with the encoder mean-colour.*encoder other.*Use --encoder mean-colour"

    with pytest.raises(IncompatibleArtifact, match=message):
        FeatureStore.open(folder, fingerprint=make_encoder("other").fingerprint)


def test_open__no_folder_or_another_folder__says_how_to_make_a_store(tmp_path):
    with pytest.raises(DataError, match=r"no feature store .*absent; make one with .*encode"):
        FeatureStore.open(tmp_path / "absent")
    with pytest.raises(DataError, match=r"has no store\.json, so it is not a feature store"):
        FeatureStore.open(tmp_path)


def test_open__later_format__says_which_version_wrote_it(folder):
    edit_header(folder, schema="metaadapter.store/2", metaadapter="9.1")

    with pytest.raises(IncompatibleArtifact, match=r"store/2'.*reads 'metaadapter.store/1'.*9\.1"):
        FeatureStore.open(folder)


def test_open__unknown_entry__is_ignored(folder):
    edit_header(folder, mood="cheerful")

    assert FeatureStore.open(folder).n_pictures == 12


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', "7"])
def test_open__header_is_something_else__says_restore_or_delete(folder, text):
    (folder / "store.json").write_text(text)

    with pytest.raises(DataError, match=r"is not the store\.json of a feature store; restore"):
        FeatureStore.open(folder)


def test_open__entry_missing__names_it(folder):
    header = json.loads((folder / "store.json").read_text())
    del header["n_rows"]
    (folder / "store.json").write_text(json.dumps(header))

    with pytest.raises(DataError, match=r"lacks the entry 'n_rows'"):
        FeatureStore.open(folder)


@pytest.mark.parametrize("name", ["features-0001.npy", "rows-0001.csv", "texts-0001.npy"])
def test_open__file_missing_or_cut__says_that_the_store_is_damaged(folder, name):
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"damaged"):
        FeatureStore.open(folder)

    (folder / name).unlink()
    with pytest.raises(DataError, match=rf"damaged: .*{name}"):
        FeatureStore.open(folder)


names = st.text(st.characters(codec="utf-8"))


@given(st.lists(st.tuples(names, names, names, names, names), max_size=5))
def test_rows__any_text__comes_back_from_the_table(tmp_path_factory, entries):
    pictures = [StoredPicture(*entry) for entry in entries]
    path = tmp_path_factory.mktemp("rows") / "rows.csv"

    with path.open("wb") as file:
        StoreRows.of_pictures(pictures, n_views=2).write(file)
    rows = StoreRows.read(path)

    assert rows.pictures() == pictures
    assert rows.view.tolist() == [0, 1] * len(pictures)


def test_rows__file_name_of_undecodable_bytes__comes_back(tmp_path):
    picture = StoredPicture(b"caf\xe9.jpg".decode(errors="surrogateescape"), "", "", "", "0")

    with (tmp_path / "rows.csv").open("wb") as file:
        StoreRows.of_pictures([picture], n_views=1).write(file)

    assert StoreRows.read(tmp_path / "rows.csv").pictures() == [picture]


def test_rows__other_columns__names_the_right_ones(tmp_path):
    (tmp_path / "rows.csv").write_text("path,label\na.jpg,heron\n")

    with pytest.raises(DataError, match=r"columns picture, view, path, label, split, group, sha25"):
        StoreRows.read(tmp_path / "rows.csv")
