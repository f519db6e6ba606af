"""Features on disk, of which each chunk is checked for damage when it is first read."""

from __future__ import annotations

import hashlib
import os
from functools import partial
from pathlib import Path
from typing import Any, final

import numpy as np
from jaxtyping import Float16, UInt8

from metaadapter.errors import DataError

# Small enough that a first random read is fast (about 1 ms); 10 GB have a table of 320 kB.
CHUNK_BYTES = 1 << 20

Index = int | np.integer[Any] | slice | np.ndarray | list[int]


def pictures_in_chunk(picture_bytes: int) -> int:
    """Return the number of pictures whose features make a chunk."""
    return max(1, CHUNK_BYTES // picture_bytes)


def chunk_hashes(file: Path, n_pictures: int, picture_bytes: int) -> UInt8[np.ndarray, "chunks 32"]:
    """Return the SHA-256 of each chunk of the pictures at the end of a file."""
    # Not through a memory map: what was read through one counts as memory of the process.
    with file.open("rb") as content:
        content.seek(-n_pictures * picture_bytes, os.SEEK_END)
        read = partial(content.read, pictures_in_chunk(picture_bytes) * picture_bytes)
        digests = b"".join(hashlib.sha256(part).digest() for part in iter(read, b""))
    return np.frombuffer(digests, np.uint8).reshape(-1, 32)


@final
class CheckedRows:
    """An array (pictures, views, dim) on disk; only the pictures in use are read and checked.

    It is indexed by pictures, or by pictures and views, as an array of numpy is.

    Args:
        file: The file, for messages.
        rows: Its array, in a memory map.
        hashes: The `chunk_hashes` of the file.
        remedy: The end of messages on damage.
    """

    def __init__(
        self,
        file: Path,
        rows: Float16[np.ndarray, "pictures views dim"],
        hashes: UInt8[np.ndarray, "chunks 32"],
        remedy: str,
    ) -> None:
        self.shape, self.dtype = rows.shape, rows.dtype
        self._file, self._rows, self._hashes, self._remedy = file, rows, hashes, remedy
        self._n_in_chunk = pictures_in_chunk(self.shape[1] * self.shape[2] * rows.itemsize)
        self._chunks = np.arange(len(rows), dtype=np.int32) // self._n_in_chunk
        self._is_checked = np.zeros(len(hashes), dtype=bool)

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, index: Index | tuple[Index, Index]) -> np.ndarray:
        in_use = np.zeros_like(self._is_checked)
        in_use[self._chunks[index[0] if isinstance(index, tuple) else index]] = True
        for number in np.flatnonzero(in_use & ~self._is_checked).tolist():
            part = self._rows[number * self._n_in_chunk : (number + 1) * self._n_in_chunk]
            if hashlib.sha256(part.data).digest() != self._hashes[number].tobytes():
                raise DataError(
                    f"{self._file} is damaged or was changed: the SHA-256 of its chunk {number} "
                    f"({part.nbytes:,} bytes) differs from the one that belongs to store.json; "
                    f"{self._remedy}"
                )
            self._is_checked[number] = True
        rows: np.ndarray = self._rows[index]
        return rows

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        whole = self[:]
        return whole if dtype is None else whole.astype(dtype)
