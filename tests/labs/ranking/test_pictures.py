from __future__ import annotations

import numpy as np
import pytest

from metaadapter.labs.ranking.ranking_adapter import pictures_of_store


@pytest.fixture
def store(make_store):
    return make_store("store", {"a": 5, "b": 4}, n_views=2, split=["x"] * 3 + ["y"] * 6)


def test_pictures_of_store__features__stay_on_disk_and_come_in_blocks(store, monkeypatch):
    monkeypatch.setattr("metaadapter.workflow.queries.STORED_AT_ONCE", 4)

    pictures = pictures_of_store(store.folder, store.fingerprint)

    blocks = list(pictures.blocks())
    assert [len(block) for block in blocks] == [4, 4, 1]
    np.testing.assert_array_equal(np.concatenate(blocks), store.mean_features()[0])
    assert pictures.paths == [picture.path for picture in store.rows.pictures()]
