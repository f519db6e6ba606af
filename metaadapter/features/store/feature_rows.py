"""Features by the content hash of their picture, kept on disk."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, final, runtime_checkable

import numpy as np
from jaxtyping import Float16

# A dictionary takes 200 bytes an entry; above so many entries they go into sorted arrays.
MOST_RECENT = 2**17
BYTES = 32


@runtime_checkable
class PictureFeatures(Protocol):
    """Features by the number of their picture, such as an array (pictures, views, dim)."""

    def __len__(self) -> int:
        """Return the number of pictures."""

    def __getitem__(self, place: int, /) -> np.ndarray:
        """Return the features of a picture."""


@final
class FeatureRows(Mapping[str, Float16[np.ndarray, "views dim"]]):
    """A mapping from content hash to features, in about 40 bytes of memory for each picture.

    The features stay in the arrays that were added, which may be memory maps. Several threads may
    read while one adds.
    """

    def __init__(self) -> None:
        self._recent: dict[bytes | str, int] = {}
        self._sorted = np.empty(0, f"S{BYTES}"), np.empty(0, np.int64)
        """Hashes in their order, and the place of the features of each."""
        self._arrays: list[PictureFeatures] = []
        self._starts: list[int] = []
        self._n_rows = self._n_contents = 0

    def extend(self, hashes: Iterable[str], features: PictureFeatures) -> None:
        """Add the features of several pictures, (pictures, views, dim).

        Later ones replace those of an equal picture.
        """
        self._starts.append(self._n_rows)
        self._arrays.append(features)
        first, self._n_rows = self._n_rows, self._n_rows + len(features)
        for place, sha256 in zip(range(first, self._n_rows), hashes, strict=True):
            self._n_contents += sha256 not in self
            self._recent[_key(sha256)] = place
            if len(self._recent) > MOST_RECENT:
                self._sort()

    def _sort(self) -> None:
        recent = {key: place for key, place in self._recent.items() if isinstance(key, bytes)}
        keys = np.concatenate([self._sorted[0], np.array([*recent], f"S{BYTES}")])
        places = np.concatenate([self._sorted[1], np.array([*recent.values()], np.int64)])
        order = np.lexsort((places, keys))
        # Of equal hashes the last stays, whose place is the largest.
        is_last = np.append(keys[order][1:] != keys[order][:-1], True)
        order = order[is_last]
        self._sorted = keys[order], places[order]
        # Replaced after the arrays, so that another thread misses no entry.
        self._recent = {key: place for key, place in self._recent.items() if key not in recent}

    def _place(self, sha256: str) -> int | None:
        key = _key(sha256)
        place = self._recent.get(key)
        if place is not None or isinstance(key, str):
            return place
        keys, places = self._sorted
        row = int(np.searchsorted(keys, np.bytes_(key)))
        is_there = row < len(keys) and keys[row] == key.rstrip(b"\0")
        return int(places[row]) if is_there else None

    def __getitem__(self, sha256: str) -> Float16[np.ndarray, "views dim"]:
        place = self._place(sha256)
        if place is None:
            raise KeyError(sha256)
        number = bisect_right(self._starts, place) - 1
        rows: np.ndarray = self._arrays[number][place - self._starts[number]]
        return rows

    def __contains__(self, sha256: object) -> bool:
        return isinstance(sha256, str) and self._place(sha256) is not None

    def __iter__(self) -> Iterator[str]:
        recent = {key if isinstance(key, str) else key.hex() for key in self._recent}
        yield from recent
        for key in self._sorted[0]:
            sha256 = key.ljust(BYTES, b"\0").hex()
            if sha256 not in recent:
                yield sha256

    def __len__(self) -> int:
        return self._n_contents


def _key(sha256: str) -> bytes | str:
    """Return 32 bytes for a hash; stores of other programs may have texts of another kind."""
    try:
        key = bytes.fromhex(sha256)
    except ValueError:
        return sha256
    return key if len(key) == BYTES and key.hex() == sha256 else sha256
