"""The records of a database and their chain: a digest covers a record and the digest before it."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, NamedTuple

from metaadapter.files.strict_json import json_text, parse_json

SELECTION = "SELECT number, kind, key, value, digest FROM records WHERE number {} ORDER BY number"
# The record 0 has the purpose as its key, and the job to which the others belong as its value.
HEAD = "head"
# The errors that arise when a row is not the expected record.
DAMAGE = (AttributeError, RecursionError, TypeError, ValueError)


class Record(NamedTuple):
    """A record of the log; of several with the same kind and key, the last one counts."""

    number: int
    """From 1."""
    kind: str
    key: str
    value: Any
    """A JSON value."""


def record_of(row: tuple[Any, ...] | None, number: int, before: bytes) -> tuple[Record, bytes]:
    """Return a record and its digest; an error of `DAMAGE` unless it is whole and has its place.

    `before` is the digest of the record before it.
    """
    if row is None or row[0] != number:
        raise ValueError("it is missing")
    _, kind, key, text, digest = row
    if digest_of(before, number, kind, key, text) != digest:
        raise ValueError("its digest differs from when it was written")
    return Record(number, kind, key, parse_json(text)), digest


def digest_of(before: bytes, number: int, kind: str, key: str, text: str) -> bytes:
    """Return the digest of a record, whose value is JSON text."""
    digest = sha256(before + json_text([number, kind, key]).encode())
    digest.update(text.encode())
    return digest.digest()
