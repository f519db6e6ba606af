from __future__ import annotations

from pathlib import Path

import pytest

from metaadapter.data.shard import pick_shard, read_shard
from metaadapter.data.table import ImageRow
from metaadapter.errors import UsageError


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
