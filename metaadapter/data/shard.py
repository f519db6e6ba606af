"""Shards: the parts of a list of pictures that several processes or machines work on."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from itertools import islice
from typing import TypeAlias, TypeVar

from metaadapter.errors import DataError, UsageError

Item = TypeVar("Item")
Shard: TypeAlias = tuple[int, int]
"""(i, n): part i of n, with i from 1."""
MOST_NAMED = 5


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


def require_all_shards(numbers: Container[int], n_shards: int) -> None:
    """Raise a `DataError` that names the first missing shards, unless all n are there."""
    missing = (number for number in range(1, n_shards + 1) if number not in numbers)
    if names := [f"{number}/{n_shards}" for number in islice(missing, MOST_NAMED)]:
        more = ", …" if next(missing, None) is not None else ""
        raise DataError(
            f"expected all {n_shards} shards, but these are missing: {', '.join(names)}{more}; "
            f"name their results too, or make them with --shard {names[0]}"
        )


def _usage(text: str) -> str:
    return (
        f"expected a shard I/N with I from 1 to N, got {text!r}; for four machines give "
        "--shard 1/4 on the first, 2/4 on the second and so on"
    )
