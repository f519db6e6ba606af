from __future__ import annotations

from pathlib import Path

import pytest

from metaadapter.data.shard import pick_shard, read_shard, require_all_shards
from metaadapter.data.table import ImageRow
from metaadapter.errors import DataError, UsageError


@pytest.mark.parametrize(("n_rows", "n_shards"), [(12, 5), (3, 5), (0, 2), (7, 1), (1000, 7)])
def test_pick_shard__all_shards_in_order__are_the_list_and_differ_by_one_row(n_rows, n_shards):
    rows = [ImageRow(Path(f"{number}.png"), None) for number in range(n_rows)]

    shards = [pick_shard(rows, (number, n_shards)) for number in range(1, n_shards + 1)]

    assert [row for shard in shards for row in shard] == rows
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


@pytest.mark.parametrize("shard", [(0, 4), (5, 4), (1, 0), (-1, 2)])
def test_pick_shard__outside__shows_the_numbering(shard):
    with pytest.raises(UsageError, match=rf"{shard[0]}/{shard[1]}'; .*--shard 1/4"):
        pick_shard((), shard)


def test_read_shard__text__is_read_or_refused():
    assert read_shard(None) is None
    assert read_shard("2/4") == (2, 4)
    for text in ("", "2", "a/b", "0/4", "5/4", "1/4/2", "-1/4"):
        with pytest.raises(UsageError, match="expected a shard I/N"):
            read_shard(text)


def test_require_all_shards__some_are_missing__the_first_are_named():
    require_all_shards({1, 2}, 2)
    with pytest.raises(DataError, match=r"all 4 shards, .* missing: 1/4, 3/4; .*--shard 1/4"):
        require_all_shards({2, 4}, 4)
    with pytest.raises(DataError, match=r"missing: 1/\d+, 3/\d+, 4/\d+, 5/\d+, 6/\d+, …;"):
        require_all_shards({2}, 10**12)
