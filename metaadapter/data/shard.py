"""Shards: the parts of a list of pictures that several processes or machines work on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeAlias, TypeVar

from metaadapter.errors import UsageError

Item = TypeVar("Item")
Shard: TypeAlias = tuple[int, int]
"""(i, n): part i of n, with i from 1."""


def read_shard(text: str | None) -> Shard | None:
    """Read "I/N", as `--shard` has it; None without it, a `UsageError` for any other text."""
    match = re.fullmatch(r"(\d+)/(\d+)", text or "")
    if text is None or match is None:
        if text is not None:
            raise UsageError(_usage(text))
        return None
    shard = int(match[1]), int(match[2])
    require_shard(shard)
    return shard


def require_shard(shard: Shard) -> None:
    """Raise a `UsageError` unless the number is from 1 to the number of shards."""
    if not 1 <= shard[0] <= shard[1]:
        raise UsageError(_usage("{}/{}".format(*shard)))


def pick_shard(rows: Sequence[Item], shard: Shard | None) -> Sequence[Item]:
    """Return the rows of a shard in their order, successive ones; all rows for None.

    Successive pictures mostly lie in the same tar or Parquet file, so a shard reads only a few of
    these files. The shards of a list, in order, are the list.
    """
    if shard is None:
        return rows
    require_shard(shard)
    number, n_shards = shard
    size, n_larger = divmod(len(rows), n_shards)
    first, end = (part * size + min(part, n_larger) for part in (number - 1, number))
    return rows[first:end]


def _usage(text: str) -> str:
    return (
        f"expected a shard I/N with I from 1 to N, got {text!r}; for four machines give "
        "--shard 1/4 on the first, 2/4 on the second and so on"
    )
