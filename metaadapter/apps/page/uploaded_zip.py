"""Zip files that a client uploads, unpacked within limits, one file at a time."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from metaadapter.apps.page.multipart import Limits
from metaadapter.data.picture_names import LEFTOVERS

MAGIC = b"PK\x03\x04"
# The end record of a zip file (APPNOTE.TXT of PKWARE, 4.3.16), and its size with a full comment.
END, END_MAGIC, MAX_END_BYTES = struct.Struct("<4sHHHHLLH"), b"PK\x05\x06", 22 + 65_535
# Large files have a second end record; a locator before the usual record points to it (4.3.14, 15).
END64, END64_MAGIC = struct.Struct("<4sQHHLLQQQQ"), b"PK\x06\x06"
LOCATOR, LOCATOR_MAGIC = struct.Struct("<4sLQL"), b"PK\x06\x07"
# `zipfile` reads the whole directory of a zip file into memory.
MAX_DIRECTORY_BYTES = 2**24
MAX_ENTRIES = 0xFFFF - 1
# With other methods, Python unpacks all that it has read in one step, perhaps to gigabytes.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Packing hardly shrinks pictures. A file that grows more than this was made to fill a disk.
MAX_GROWTH, MIN_GROWN_BYTES = 100, 2**20
PIECE_BYTES = 2**20


class UploadedFile(NamedTuple):
    """A file that a client uploaded: its name, and its path, or the reason why it has none."""

    name: str
    path: Path | None
    reason: str = ""


def is_zip(path: Path) -> bool:
    """Return whether a file begins as a zip file does."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def unpack(path: Path, target: Path, limits: Limits) -> Iterator[UploadedFile]:
    """Yield the files of a zip file, each unpacked to `target`: move it away before the next one.

    The names in the zip file never become names on the disk. Folders, hidden files and the files
    that file managers leave behind are skipped. A `ValueError` says why a zip file is refused.
    """
    _require_small_directory(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if _is_wanted(entry)]
            if len(entries) > limits.archived_files:
                raise ValueError(
                    f"it holds {len(entries):,} files; the limit is {limits.archived_files:,}"
                )
            left = limits.unpacked_bytes
            for entry in entries:
                if fault := _fault(entry, limits.picture_bytes):
                    yield UploadedFile(entry.filename, None, fault)
                    continue
                size = _unpack_one(archive, entry, target, min(left, limits.picture_bytes))
                if size is not None:
                    left -= size
                    yield UploadedFile(entry.filename, target)
                elif left >= limits.picture_bytes:
                    yield UploadedFile(entry.filename, None, "it is larger than its zip file says")
                else:
                    raise ValueError(f"it unpacks to more than {limits.unpacked_bytes:,} bytes")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, EOFError) as error:
        raise ValueError(f"it is damaged or not a readable zip file ({error})") from error


def _require_small_directory(path: Path) -> None:
    size = path.stat().st_size
    start = max(0, size - MAX_END_BYTES - LOCATOR.size - END64.size)
    with path.open("rb") as file:
        file.seek(start)
        tail = file.read()
    end = tail.rfind(END_MAGIC)
    if end < 0 or len(tail) < end + END.size:
        raise ValueError("it is damaged or not a readable zip file (it has no end record)")
    _, _, _, _, n_entries, length, _, _ = END.unpack_from(tail, end)
    locator, end64 = end - LOCATOR.size, end - LOCATOR.size - END64.size
    if locator >= 0 and tail.startswith(LOCATOR_MAGIC, locator):
        offset = LOCATOR.unpack_from(tail, locator)[2]
        # The format allows other places, but programs that pack pictures do not use them.
        if end64 < 0 or offset != start + end64 or not tail.startswith(END64_MAGIC, end64):
            raise ValueError("it is damaged or not a readable zip file (its two ends differ)")
        *_, n_entries, length, _ = END64.unpack_from(tail, end64)
    if n_entries > MAX_ENTRIES or length >= MAX_DIRECTORY_BYTES:
        raise ValueError("its list of files is too long")


def _is_wanted(entry: zipfile.ZipInfo) -> bool:
    parts = entry.filename.replace("\\", "/").split("/")
    hidden = any(part.startswith(".") and part not in (".", "..") for part in parts)
    return not entry.is_dir() and not hidden and not LEFTOVERS.intersection(parts)


def _fault(entry: zipfile.ZipInfo, max_bytes: int) -> str:
    if entry.flag_bits & 1:
        return "it is encrypted"
    if entry.compress_type not in METHODS:
        return "its compression is not supported; pack it again as an ordinary zip file"
    if entry.file_size > max_bytes:
        return f"it has {entry.file_size:,} bytes; the limit is {max_bytes:,}"
    grows = entry.file_size > MAX_GROWTH * max(entry.compress_size, 1)
    if grows and entry.file_size > MIN_GROWN_BYTES:
        return f"it would grow to more than {MAX_GROWTH} times its size, as no picture does"
    return ""


def _unpack_one(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, max_bytes: int
) -> int | None:
    """Unpack a file; return its size, or `None` if it exceeds `max_bytes` or the entry's size."""
    size, limit = 0, min(max_bytes, entry.file_size)
    with archive.open(entry) as packed, target.open("wb") as file:
        while piece := packed.read(PIECE_BYTES):
            size += len(piece)
            if size > limit:
                return None
            file.write(piece)
    return size
