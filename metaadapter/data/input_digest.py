"""Digests of input pictures without reading them, to tell whether they are those of before."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import islice
from pathlib import Path

from metaadapter.data.machine_errors import is_of_network
from metaadapter.data.table import ImageRow
from metaadapter.data.url import Url

# Requests for the facts of files in a bucket.
REQUESTS_AT_ONCE, ROWS_AT_ONCE = 32, 1024


def inputs_digest(rows: Iterable[ImageRow]) -> str:
    """Return a digest of all facts about pictures, and of file sizes and modification times.

    Of a `Url` it has the version, which a listed row has and any other one asks for.
    """
    digest = hashlib.sha256()
    facts_of_container = cache(_facts)
    for row, facts in _with_facts(rows):
        packed = row.packed
        if packed is None:
            place = None
        else:
            place, facts = packed[2:], facts_of_container(packed.container)
        digest.update(repr((*_listed(row), place, facts)).encode())
    return digest.hexdigest()


def listing_digest(rows: Iterable[ImageRow]) -> str:
    """Return a digest of a list of pictures, which is the same on every machine with these paths.

    It covers paths, labels, splits, groups and boxes, but no contents.
    """
    digest = hashlib.sha256()
    for row in rows:
        digest.update(repr(_listed(row)).encode())
    return digest.hexdigest()


def _listed(row: ImageRow) -> tuple[object, ...]:
    return os.fspath(row.path), row.label, row.split, row.group, row.box


def _with_facts(rows: Iterable[ImageRow]) -> Iterator[tuple[ImageRow, tuple[int, ...]]]:
    rows = iter(rows)
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as threads:  # begins no thread before it is asked
        while part := list(islice(rows, ROWS_AT_ONCE)):
            asked = any(isinstance(row.file, Url) and not row.version for row in part)
            yield from zip(part, (threads.map if asked else map)(_facts_of, part), strict=True)


def _facts_of(row: ImageRow) -> tuple[int, ...]:
    if row.packed is not None:
        return ()  # those of its container count
    return (row.version,) if row.version else _facts(row.path)


def _facts(path: Path) -> tuple[int, ...]:
    try:
        if isinstance(path, Url):
            return (path.version(),)
        status = path.stat()
    except (OSError, ValueError) as error:
        if is_of_network(error):
            raise
        return ()
    return status.st_size, status.st_mtime_ns
