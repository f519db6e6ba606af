"""Features by the content hash of their picture, kept on disk."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import final

import numpy as np
from jaxtyping import Float16


@final
class FeatureRows(Mapping[str, Float16[np.ndarray, "views dim"]]):
    """A mapping from content hash to features, in about 200 bytes of memory for each picture.

    The features stay in the arrays that were added, which may be memory maps.
    """

    def __init__(self) -> None:
        self._places: dict[bytes | str, int] = {}
        self._arrays: list[np.ndarray] = []
        self._starts: list[int] = []
        self._n_rows = 0

    def extend(
        self, hashes: Iterable[str], features: Float16[np.ndarray, "pictures views dim"]
    ) -> None:
        """Add the features of several pictures; later ones replace those of an equal picture."""
        self._starts.append(self._n_rows)
        self._arrays.append(features)
        first, self._n_rows = self._n_rows, self._n_rows + len(features)
        self._places.update(zip(map(_key, hashes), range(first, self._n_rows), strict=True))

    def __getitem__(self, sha256: str) -> Float16[np.ndarray, "views dim"]:
        place = self._places[_key(sha256)]
        number = bisect_right(self._starts, place) - 1
        rows: np.ndarray = self._arrays[number][place - self._starts[number]]
        return rows

    def __contains__(self, sha256: object) -> bool:
        return isinstance(sha256, str) and _key(sha256) in self._places

    def __iter__(self) -> Iterator[str]:
        return (key if isinstance(key, str) else key.hex() for key in self._places)

    def __len__(self) -> int:
        return len(self._places)


def _key(sha256: str) -> bytes | str:
    """Return 32 bytes for a hash; stores of other programs may have texts of another kind."""
    try:
        key = bytes.fromhex(sha256)
    except ValueError:
        return sha256
    return key if key.hex() == sha256 else sha256
