"""The columns of a store's pictures in one `.npz` file, read from disk where they are used.

Labels, splits and groups are numbers into a sorted list of names; a path or a hash is text with
the position of its end. A table of ten million pictures is opened without reading its rows.
"""

from __future__ import annotations

import errno
import io
import re
import struct
import zipfile
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int32

from metaadapter.data.stored_zip import HEADER, NO_TIME
from metaadapter.data.strict_json import json_text, parse_json
from metaadapter.errors import DataError
from metaadapter.features.store.checked_file import CheckedFile, CheckedRows, Index

# Entries in memory at a time while a column is written.
CHUNK_ROWS = 65_536
SHA256 = re.compile(r"[0-9a-f]{64}")
NAMES, ENDS = "_names", "_ends"


@runtime_checkable
class Column(Protocol):
    """One text for each picture; "" stands for an unknown fact."""

    def __len__(self) -> int:
        """Return the number of pictures."""

    def at(self, index: Index) -> np.ndarray:
        """Return the texts of some pictures, as objects."""


@dataclass(frozen=True)
class NumberedColumn:
    """Texts that repeat: a number into `names` for each picture, −1 for ""."""

    numbers: CheckedRows | Int32[np.ndarray, " pictures"]
    stored_names: CheckedRows | Sequence[str]

    def __len__(self) -> int:
        return len(self.numbers)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The sorted names."""
        if not isinstance(self.stored_names, CheckedRows):
            return tuple(self.stored_names)
        content = self.stored_names[:].tobytes()
        try:
            names = parse_json(content)
        except ValueError as error:
            raise DataError(
                f"the names in the row table of a feature store are no JSON: {error}"
            ) from error
        if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise DataError("the names in the row table of a feature store are no list of texts")
        return tuple(names)

    def of(self, index: Index) -> tuple[Int32[np.ndarray, " some"], tuple[str, ...]]:
        """Return the numbers of some pictures, and the names; `DataError` if one has no name."""
        numbers, names = np.atleast_1d(np.array(self.numbers[index])), self.names
        if numbers.size and not -1 <= numbers.min() <= numbers.max() < len(names):
            raise DataError(
                f"the row table of a feature store has numbers from {numbers.min()} to "
                f"{numbers.max()}, but {len(names)} names"
            )
        return numbers, names

    def at(self, index: Index) -> np.ndarray:
        """Return the texts of some pictures; equal texts share one object."""
        numbers, names = self.of(index)
        texts: np.ndarray = np.array([*names, ""], dtype=object)[numbers]  # −1 selects the last
        return texts


@dataclass(frozen=True, slots=True)
class TextColumn:
    """Texts that differ, in UTF-8 one after the other, and the position of the end of each."""

    text: CheckedRows
    ends: CheckedRows

    def __len__(self) -> int:
        return len(self.ends)

    def at(self, index: Index) -> np.ndarray:
        """Return the texts of some pictures."""
        if isinstance(index, slice):
            numbers = np.arange(*index.indices(len(self.ends)))
        else:
            numbers = np.atleast_1d(np.arange(len(self.ends))[index])
        lasts = self.ends[numbers]
        firsts = np.where(numbers > 0, self.ends[np.maximum(numbers - 1, 0)], 0)
        texts = np.empty(len(numbers), dtype=object)
        for row, (first, last) in enumerate(zip(firsts.tolist(), lasts.tolist(), strict=True)):
            texts[row] = self.text[first:last].tobytes().decode(errors="surrogateescape")
        return texts


@dataclass(frozen=True, slots=True)
class HashColumn:
    """SHA-256 hashes as bytes, which are text in hexadecimal digits."""

    hashes: CheckedRows

    def __len__(self) -> int:
        return len(self.hashes)

    def at(self, index: Index) -> np.ndarray:
        """Return the hexadecimal digits of the hashes of some pictures."""
        rows = np.atleast_2d(self.hashes[index])
        texts = np.empty(len(rows), dtype=object)
        digits, width = rows.tobytes().hex(), 2 * rows.shape[1]
        texts[:] = [digits[start : start + width] for start in range(0, len(digits), width)]
        return texts


def write_columns(
    file: IO[bytes], columns: Iterable[tuple[str, Sequence[str]]], numbered: Container[str]
) -> None:
    """Write columns of equal length; those in `numbered` have texts that repeat.

    The bytes depend on the texts alone.
    """
    with zipfile.ZipFile(file, "w") as archive:
        for name, texts in columns:
            if name in numbered:
                numbers, names = numbered_texts(texts)
                _write(archive, name, numbers.shape, [numbers.tobytes()], "<i4")
                listed = json_text(names).encode()
                _write(archive, name + NAMES, (len(listed),), [listed])
            elif all(map(SHA256.fullmatch, texts)):
                digits = map("".join, _parts(texts))
                _write(archive, name, (len(texts), 32), map(bytes.fromhex, digits))
            else:
                lengths = (len(_encoded(text)) for text in texts)
                ends = np.cumsum(np.fromiter(lengths, "<i8", len(texts)))
                _write(archive, name + ENDS, ends.shape, [ends.tobytes()], "<i8")
                content = (_encoded("".join(part)) for part in _parts(texts))
                _write(archive, name, (int(ends.max(initial=0)),), content)


def numbered_texts(texts: Sequence[str]) -> tuple[Int32[np.ndarray, " texts"], list[str]]:
    """Return the number of each text in the sorted list of all texts, and this list; "" is −1."""
    names = sorted(set(texts) - {""})
    number = {text: place for place, text in enumerate(names)} | {"": -1}
    return np.fromiter(map(number.__getitem__, texts), "<i4", len(texts)), names


def read_columns(file: CheckedFile) -> dict[str, Column]:
    """Return the columns of a file of `write_columns` by name; `ValueError` for another file."""
    content = file.array(0, np.uint8, file.content.shape)
    try:
        with zipfile.ZipFile(_Stream(content)) as archive:
            arrays = {
                member.filename.removesuffix(".npy"): _array(file, content, archive, member)
                for member in archive.infolist()
            }
    except (zipfile.BadZipFile, RuntimeError, struct.error, EOFError) as error:
        raise ValueError(f"it is no zip file of arrays: {error}") from error
    columns: dict[str, Column] = {}
    for name, array in arrays.items():
        is_text = array.dtype == np.uint8 and not name.endswith(ENDS) and name + NAMES not in arrays
        n_axes = 2 if is_text and not (name.endswith(NAMES) or name + ENDS in arrays) else 1
        if len(array.shape) != n_axes or not (is_text or array.dtype.kind == "i"):
            raise ValueError(f"{name} is {array.shape} of {array.dtype}")
        if name + NAMES in arrays:
            columns[name] = NumberedColumn(array, arrays[name + NAMES])
        elif name + ENDS in arrays:
            columns[name] = TextColumn(array, arrays[name + ENDS])
        elif not name.endswith((NAMES, ENDS)):
            columns[name] = HashColumn(array)
    return columns


def _array(
    file: CheckedFile, content: CheckedRows, archive: zipfile.ZipFile, member: zipfile.ZipInfo
) -> CheckedRows:
    """Return a member, which is neither read nor copied."""
    with archive.open(member) as stream:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError(f"{member.filename} is no array of this version")
        shape, _, kind = np.lib.format.read_array_header_1_0(stream)
        n_header = stream.tell()
    place = member.header_offset
    *_, n_name, n_extra = HEADER.unpack(content[place : place + HEADER.size].tobytes())
    start = place + HEADER.size + n_name + n_extra + n_header
    if member.compress_type or kind.hasobject:
        raise ValueError(f"{member.filename} is compressed, or holds objects")
    return file.array(start, kind, shape)


def _write(
    archive: zipfile.ZipFile,
    name: str,
    shape: tuple[int, ...],
    parts: Iterable[bytes],
    kind: str = "|u1",
) -> None:
    with archive.open(zipfile.ZipInfo(f"{name}.npy", NO_TIME), "w", force_zip64=True) as file:
        facts = {"descr": kind, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, facts)
        for part in parts:
            file.write(part)


def _parts(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (texts[start : start + CHUNK_ROWS] for start in range(0, len(texts), CHUNK_ROWS))


def _encoded(text: str) -> bytes:
    # A file name with undecodable bytes is read back as the same bytes.
    return text.encode(errors="surrogateescape")


class _Stream(io.RawIOBase):
    """Checked bytes as a file, for `zipfile`."""

    def __init__(self, content: CheckedRows) -> None:
        self._content, self._place = content, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: len(self._content)}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "the position is before the start of the file")
        self._place = base + offset
        return self._place

    def readinto(self, buffer: Any) -> int:
        part = self._content[self._place : self._place + len(buffer)].tobytes()
        buffer[: len(part)] = part
        self._place += len(part)
        return len(part)
