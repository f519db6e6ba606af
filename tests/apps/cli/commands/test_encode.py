from __future__ import annotations

import shutil

import pytest

from metaadapter.features.store import encode_to_store as store_encoding
from metaadapter.features.store.feature_store import FeatureStore


def test_encode__labelled_folder__writes_a_store_and_says_what_is_in_it(encode, labelled, tmp_path):
    result = encode(labelled)

    assert result.code == 0
    assert "9 pictures, 3 classes (9 new, 0 reused, 0 removed, 0 unreadable)" in result.out
    assert "bytes" not in result.err
    assert FeatureStore.open(tmp_path / "store").classes == ("heron", "lynx", "red_fox")


def test_encode__interrupted__ends_with_130_and_prints_the_command_that_goes_on(
    encode, unlabelled, encoder, tmp_path, monkeypatch
):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(store_encoding, "encode_to_store", interrupt)

    result = encode(unlabelled)  # a name with spaces, which a shell needs in quotes

    assert result.code == 130
    store = tmp_path / "store"
    command = f"metaadapter encode '{unlabelled}' --out {store} --encoder {encoder}"
    assert result.err.splitlines()[-1].strip() == command


@pytest.fixture
def with_copies(pictures):
    """Nine pictures, of which one stands a second time in its class and once in another."""
    for copy in ("heron/0-copy.png", "lynx/copy.png"):
        shutil.copy(pictures / "heron" / "1.png", pictures / copy)
    return pictures


def test_encode__equal_pictures__are_pointed_out_with_their_labels(encode, with_copies):
    result = encode(with_copies)
    document = encode(with_copies, "--json").document

    assert result.code == 0
    message = " ".join(result.err.split())
    assert "pictures with the same bytes as another one: 2; evaluations keep those of" in message
    names = ("heron/0-copy.png", "heron/1.png", "lynx/copy.png")
    copies = [str(with_copies / name) for name in names]
    assert " = ".join(copies) in message
    contradiction = f"is in 'heron' ({copies[0]}) and 'lynx' ({copies[2]}); remove it"
    assert contradiction in message
    assert contradiction in document["warnings"][0]
    assert document["n_total"] == 11
    labels = ("heron", "heron", "lynx")
    assert document["duplicates"] == [
        [{"path": path, "label": label} for path, label in zip(copies, labels, strict=True)]
    ]
