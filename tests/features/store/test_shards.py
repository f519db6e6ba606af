from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from metaadapter.data.table import ImageRow, ImageTable
from metaadapter.errors import IncompatibleArtifact, UsageError
from metaadapter.features.store.encode_to_store import encode_to_store
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.merge import merge_stores


def test_merge__shards_and_a_double__equals_the_store_of_one_run(encode, pictures, tmp_path):
    (pictures / "heron/002.png").write_bytes(b"broken")
    encode("whole", views=2)
    folders = [tmp_path / f"part{number}" for number in (1, 2, 3)]
    for number, folder in enumerate(folders, start=1):
        encode(folder.name, views=2, shard=(number, 3))

    merged = merge_stores([*folders[::-1], folders[0]], tmp_path / "merged")

    whole = FeatureStore.open(tmp_path / "whole")
    assert merged.header == whole.header
    assert merged.rows.pictures() == whole.rows.pictures()
    np.testing.assert_array_equal(merged.features, whole.features)
    np.testing.assert_array_equal(merged.texts, whole.texts)


def test_merge__picture_unreadable_in_one_part_only__is_not_quarantined(encode, pictures, tmp_path):
    path = pictures / "heron/000.png"
    whole = path.read_bytes()
    encode("a")
    path.write_bytes(whole[:50])
    encode("b")

    merged = merge_stores([tmp_path / "a", tmp_path / "b"], tmp_path / "merged")

    assert (merged.n_pictures, merged.header.quarantined) == (12, ())


def test_merge__other_encoder__refuses(encode, make_encoder, tmp_path):
    encode("a", make_encoder("one"))
    encode("b", make_encoder("two"))

    with pytest.raises(IncompatibleArtifact, match=r"store .*b was made with the encoder two"):
        merge_stores([tmp_path / "a", tmp_path / "b"], tmp_path / "merged")


def test_merge__nothing_or_into_a_store__says_what_is_wrong(encode, tmp_path):
    encode("a")

    with pytest.raises(UsageError, match="no feature store was named"):
        merge_stores([], tmp_path / "merged")
    with pytest.raises(UsageError, match=r"a is a feature store already; choose a new folder"):
        merge_stores([tmp_path / "a"], tmp_path / "a")


def test_merge__equal_paths_with_other_labels__keeps_both_rows(
    pictures, read_table, encoder, tmp_path
):
    row: ImageRow = read_table(pictures).rows[0]
    for name, label in (("a", "heron"), ("b", "stork")):
        table = ImageTable((replace(row, label=label),), "list")
        encode_to_store(table, encoder, tmp_path / name)

    merged = merge_stores([tmp_path / "a", tmp_path / "b"], tmp_path / "merged")

    assert list(merged.rows.label) == ["heron", "stork"]
