from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from metaadapter.data.reader import read_images
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.features.store.encode_to_store import encode_to_store
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.merge import merge_stores


def require_equal(one: Path, other: Path) -> None:
    stores = [FeatureStore.open(folder) for folder in (one, other)]
    assert stores[0].header == stores[1].header
    assert stores[0].rows.pictures() == stores[1].rows.pictures()
    np.testing.assert_allclose(*(store.features for store in stores), atol=1e-6)


@pytest.fixture
def mixed(pictures) -> Path:
    """The pictures with unreadable ones, copies far apart, and names that sort in two ways."""
    (pictures / "heron/002.png").write_bytes(b"broken")
    (pictures / "stork/011.png").write_bytes(b"broken")
    for name in ("heron/001.png", "stork/012.png", "stork-2/000.png"):
        (pictures / name).parent.mkdir(exist_ok=True)
        (pictures / name).write_bytes((pictures / "heron/000.png").read_bytes())
    return pictures


@pytest.mark.parametrize("n_shards", [1, 2, 3, 5, 17])
@pytest.mark.parametrize("views", [1, 2])
def test_merge__all_shards_in_any_order__is_the_store_of_one_process(
    mixed, make_encoder, tmp_path, n_shards, views
):
    table = read_images(mixed)
    encode_to_store(table, make_encoder(), tmp_path / "whole", views=views, batch_size=5)
    folders = [tmp_path / f"part{number}" for number in range(1, n_shards + 1)]
    for number, folder in enumerate(folders, start=1):
        # Of 17 shards two have only an unreadable picture, and two have none.
        encode_to_store(
            table,
            make_encoder(),
            folder,
            views=views,
            batch_size=3,
            workers=2,
            shard=(number, n_shards),
        )

    merge_stores(folders[::-1], tmp_path / "merged")

    require_equal(tmp_path / "merged", tmp_path / "whole")


def test_merge__shards_that_do_not_make_a_whole__are_named(mixed, encoder, tmp_path):
    table = read_images(mixed)
    for name, shard in (("a", (1, 3)), ("b", (2, 3)), ("c", (3, 3)), ("d", (1, 2))):
        encode_to_store(table, encoder, tmp_path / name, shard=shard)
    a, b, c, d = (tmp_path / name for name in "abcd")

    with pytest.raises(DataError, match=r"all 3 shards, but these are missing: 2/3; .*--shard 2/3"):
        merge_stores([a, c], tmp_path / "merged")
    with pytest.raises(DataError, match=r"shards of one division, got .*d \(1/2\); encode all"):
        merge_stores([a, b, d], tmp_path / "merged")
    encode_to_store(table, encoder, tmp_path / "f")
    with pytest.raises(IncompatibleArtifact, match=r"a and .*f are not shards of the same list"):
        merge_stores([a, tmp_path / "f"], tmp_path / "merged")
    with pytest.raises(UsageError, match=r"expected each shard once, got 4 stores for .*a \(1/3\)"):
        merge_stores([a, b, c, a], tmp_path / "merged")
    assert not (tmp_path / "merged/store.json").exists()


@pytest.mark.parametrize("change", ["added", "label"])
def test_merge__shards_of_different_lists__are_refused(mixed, encoder, tmp_path, change):
    encode_to_store(read_images(mixed), encoder, tmp_path / "a", shard=(1, 2))
    table = read_images(mixed)
    if change == "added":  # the first shard lacks it, and the second begins one picture later
        (mixed / "heron/0.png").write_bytes((mixed / "heron/001.png").read_bytes())
        table = read_images(mixed)
    else:
        table = replace(table, rows=[replace(table.rows[0], label="crane"), *table.rows[1:]])
    encode_to_store(table, encoder, tmp_path / "b", shard=(2, 2))

    with pytest.raises(IncompatibleArtifact, match=r"a and .*b are not shards of the same list"):
        merge_stores([tmp_path / "a", tmp_path / "b"], tmp_path / "merged")
    assert not (tmp_path / "merged/store.json").exists()


def test_merge__stores_of_the_same_pictures__keeps_each_once(mixed, encoder, tmp_path):
    table = read_images(mixed)
    for name, rows in (("a", table.rows[3:]), ("b", table.rows[:9])):
        encode_to_store(replace(table, rows=rows), encoder, tmp_path / name)

    merged = merge_stores([tmp_path / "a", tmp_path / "b"], tmp_path / "merged")

    encode_to_store(table, encoder, tmp_path / "whole")
    whole = FeatureStore.open(tmp_path / "whole")

    def contents(store):
        return [*zip(store.rows.pictures(), store.features.tolist(), strict=True)]

    assert contents(merged)[:9] == contents(FeatureStore.open(tmp_path / "a"))[:9]
    assert sorted(contents(merged)) == sorted(contents(whole))
    assert sorted(merged.header.quarantined) == sorted(whole.header.quarantined)
