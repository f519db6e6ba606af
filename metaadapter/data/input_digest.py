"""Digests of input pictures without reading them, to tell whether they are those of before."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from metaadapter.data.table import ImageRow


def inputs_digest(rows: Iterable[ImageRow]) -> str:
    """Return a digest of all facts about pictures, and of file sizes and modification times."""
    digest = hashlib.sha256()
    facts_of_container = cache(_facts)
    for row in rows:
        packed = row.packed
        if packed is None:
            place, facts = None, _facts(row.path)
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


def _facts(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ()
    return status.st_size, status.st_mtime_ns
