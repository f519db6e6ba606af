"""Files in a memory map, of which each chunk is checked for damage when it is first read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from numpy.typing import DTypeLike

from metaadapter.errors import DataError

# Small enough that a first random read is fast (about 1 ms); 10 GB have a table of 320 kB.
CHUNK_BYTES = 1 << 20

Index = int | np.integer[Any] | slice | np.ndarray | list[int]


def chunk_length(unit: int) -> int:
    """Return the bytes of a chunk: as many whole units (pictures) as fit, and at least one."""
    return max(1, CHUNK_BYTES // unit) * unit


def file_hashes(path: Path, unit: int = 1, *, start: int = 0) -> UInt8[np.ndarray, "chunks 32"]:
    """Return the SHA-256 of each chunk of a file from a byte on; the last may be shorter."""
    length = chunk_length(unit)
    with path.open("rb") as file:
        file.seek(start)
        parts = iter(lambda: file.read(length), b"")
        digests = b"".join(hashlib.sha256(part).digest() for part in parts)
    return np.frombuffer(digests, np.uint8).reshape(-1, 32)


class CheckedFile:
    """The bytes of a file, in chunks of whole units; each chunk is checked before its first use.

    Args:
        path: The file, for messages.
        content: Its bytes, in a memory map.
        hashes: The SHA-256 of each chunk.
        remedy: The end of messages on damage.
        unit: The bytes that are never divided between two chunks.
        inspect: Called with the number of a chunk that has the right hash, for further checks.
    """

    def __init__(
        self,
        path: Path,
        content: UInt8[np.ndarray, " bytes"],
        hashes: UInt8[np.ndarray, "chunks 32"],
        remedy: str,
        *,
        unit: int = 1,
        inspect: Callable[[int], None] | None = None,
    ) -> None:
        self.content, self.length = content, chunk_length(unit)
        self._path, self._hashes, self._remedy, self._inspect = path, hashes, remedy, inspect
        self._is_checked = np.zeros(-(-len(content) // self.length), dtype=bool)
        if len(hashes) != len(self._is_checked):
            raise DataError(
                f"{path} is damaged: it has {len(self._is_checked)} chunks of {self.length} "
                f"bytes, but hashes of {len(hashes)} are stored; {remedy}"
            )

    def check(self, chunks: np.ndarray) -> None:
        """Check these chunks unless they were checked before; `DataError` for a damaged one."""
        new = chunks[~self._is_checked[chunks]]
        for number in np.unique(new).tolist() if len(new) else ():
            start = number * self.length
            part = self.content[start : start + self.length]
            if hashlib.sha256(part.data).digest() != self._hashes[number].tobytes():
                raise DataError(
                    f"{self._path} is damaged or was changed: the SHA-256 of its chunk {number} "
                    f"({len(part):,} bytes) differs from the one that belongs to store.json; "
                    f"{self._remedy}"
                )
            if self._inspect is not None:
                self._inspect(number)
            self._is_checked[number] = True

    def array(self, start: int, kind: DTypeLike, shape: tuple[int, ...]) -> CheckedRows:
        """Return the array of this shape that begins at byte `start` of the content."""
        n_bytes = int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize
        return CheckedRows(self, start, self.content[start : start + n_bytes].view(kind), shape)


class CheckedRows:
    """An array on disk, indexed along its first axis like one of numpy; only used rows are checked.

    Attributes:
        shape: The shape of the array.
        dtype: The kind of its numbers.
    """

    def __init__(
        self, file: CheckedFile, start: int, flat: np.ndarray, shape: tuple[int, ...]
    ) -> None:
        self._file, self._start, self._rows = file, start, flat.reshape(shape)
        self.shape, self.dtype = shape, flat.dtype
        self._row_bytes = int(np.prod(shape[1:], dtype=np.int64)) * flat.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Index) -> np.ndarray:
        length, n = self._file.length, self.shape[0]
        if isinstance(index, slice):
            chosen = range(n)[index]
            ends = (
                (min(chosen[0], chosen[-1]), max(chosen[0], chosen[-1]) + 1) if chosen else (0, 0)
            )
            first, last = (self._start + row * self._row_bytes for row in ends)
            self._file.check(np.arange(first // length, -(-last // length)))
        else:
            numbers = np.atleast_1d(np.asarray(index))
            if numbers.dtype == bool:
                numbers = np.flatnonzero(numbers)
            # Numbers outside are an error of numpy below.
            first_n = self._start + (numbers % max(n, 1)) * self._row_bytes
            self._file.check(first_n // length)
            # A row of an array without a unit may reach into the next chunk.
            self._file.check((first_n + max(self._row_bytes - 1, 0)) // length)
        rows: np.ndarray = self._rows[index]
        return rows

    def joined(self) -> CheckedRows:
        """Return the same array with its first two axes as one."""
        shape = (self.shape[0] * self.shape[1], *self.shape[2:])
        return CheckedRows(self._file, self._start, self._rows.reshape(-1), shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        whole = self[:]
        return whole if dtype is None else whole.astype(dtype)
