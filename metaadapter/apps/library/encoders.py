"""Which entries of a library are of one encoder."""

from __future__ import annotations

from metaadapter.apps.library.index import IndexedEntry, SignatureIndex


def by_encoder(index: SignatureIndex) -> list[list[str]]:
    """The names of entries that share an encoder, those of most entries first.

    Damaged entries are in none. Of an encoder that is not known the name and the width count.
    """
    groups: list[list[IndexedEntry]] = []
    for entry in index.entries:
        if entry.damaged:
            continue
        group = next((each for each in groups if _is_same(each[0], entry)), None)
        if group is None:
            groups.append([entry])
        else:
            group.append(entry)
    groups.sort(key=len, reverse=True)
    return [[entry.name for entry in group] for group in groups]


def _is_same(one: IndexedEntry, other: IndexedEntry) -> bool:
    if one.fingerprint is None or other.fingerprint is None:
        return (one.width, one.encoder, one.fingerprint) == (
            other.width,
            other.encoder,
            other.fingerprint,
        )
    return one.fingerprint.matches(other.fingerprint)
