"""Zip files that a client sends: what is in them, unpacked within limits, one file at a time."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from metaadapter.data.folder import LEFTOVERS

MARK = b"PK\x03\x04"
# The end of a zip file (APPNOTE.TXT of PKWARE, 4.3.16), and how far before the last byte it may be.
END, END_MARK, LONGEST_END = struct.Struct("<4sHHHHLLH"), b"PK\x05\x06", 22 + 65_535
# Where it is not enough there is a second one, and before the first one stands where (4.3.14, 15).
SECOND_END, SECOND_END_MARK = struct.Struct("<4sQHHLLQQQQ"), b"PK\x06\x06"
LOCATOR, LOCATOR_MARK = struct.Struct("<4sLQL"), b"PK\x06\x07"
# An entry of the directory is read into memory, so its size is looked at before.
MOST_DIRECTORY_BYTES = 2**24
MOST_ENTRIES = 0xFFFF - 1
# Of other methods Python unpacks all that it has read at once: a megabyte can become gigabytes.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Pictures hardly shrink. What grows more than this was made to fill a disk.
MOST_GROWTH, NEVER_MIND_BYTES = 100, 2**20
PIECE = 2**20


class Archived(NamedTuple):
    """A file of an archive: its name within, and where it was unpacked, or why it was not."""

    name: str
    path: Path | None
    reason: str = ""


def is_archive(path: Path) -> bool:
    """Whether a file begins as a zip file does."""
    with path.open("rb") as file:
        return file.read(len(MARK)) == MARK


def unpack(
    path: Path, into: Path, *, most_files: int, most_bytes: int, most_bytes_of_one: int
) -> Iterator[Archived]:
    """Unpack the files of an archive one after the other, each to the same path.

    The names within never touch the disk, and folders, hidden files and what file managers leave
    behind are passed over.

    Args:
        path: The archive.
        into: Where each file is unpacked; the caller moves or removes it before the next.
        most_files: The number of files that may be in it.
        most_bytes: The size of all of them when they are unpacked.
        most_bytes_of_one: The size of one.

    Raises:
        ValueError: It is no zip file, is damaged, or goes beyond a limit; the message says which.
    """
    _require_small_directory(path)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [each for each in archive.infolist() if _is_wanted(each)]
            if len(entries) > most_files:
                raise ValueError(
                    f"it holds {len(entries):,} files, and at most {most_files:,} are read"
                )
            left = most_bytes
            for entry in entries:
                if fault := _fault(entry, most_bytes_of_one):
                    yield Archived(entry.filename, None, fault)
                    continue
                size = _unpack_one(archive, entry, into, min(left, most_bytes_of_one))
                if size is None:
                    if left < most_bytes_of_one:
                        raise ValueError(f"it holds more than {most_bytes:,} bytes unpacked")
                    yield Archived(entry.filename, None, "it is larger than its archive says")
                    continue
                left -= size
                yield Archived(entry.filename, into)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, EOFError) as error:
        raise ValueError(f"it is damaged, or no zip file that can be read ({error})") from error


def _require_small_directory(path: Path) -> None:
    size = path.stat().st_size
    start = max(0, size - LONGEST_END - LOCATOR.size - SECOND_END.size)
    with path.open("rb") as file:
        file.seek(start)
        tail = file.read()
    at = tail.rfind(END_MARK)
    if at < 0 or len(tail) < at + END.size:
        raise ValueError("it is damaged, or no zip file that can be read (it has no end)")
    _, _, _, _, n_entries, length, _, _ = END.unpack_from(tail, at)
    located, second = at - LOCATOR.size, at - LOCATOR.size - SECOND_END.size
    if located >= 0 and tail.startswith(LOCATOR_MARK, located):
        where = LOCATOR.unpack_from(tail, located)[2]
        # It could be elsewhere, but no program that packs pictures puts it there.
        if second < 0 or where != start + second or not tail.startswith(SECOND_END_MARK, second):
            raise ValueError("it is damaged, or no zip file that can be read (it has two ends)")
        *_, n_entries, length, _ = SECOND_END.unpack_from(tail, second)
    if n_entries > MOST_ENTRIES or length >= MOST_DIRECTORY_BYTES:
        raise ValueError("it holds more files than are read at a time")


def _is_wanted(entry: zipfile.ZipInfo) -> bool:
    parts = entry.filename.replace("\\", "/").split("/")
    hidden = any(part.startswith(".") and part not in (".", "..") for part in parts)
    return not entry.is_dir() and not hidden and not LEFTOVERS.intersection(parts)


def _fault(entry: zipfile.ZipInfo, most_bytes: int) -> str:
    if entry.flag_bits & 1:
        return "it is encrypted"
    if entry.compress_type not in METHODS:
        return "it is packed in a rare way; pack it again as an ordinary zip file"
    if entry.file_size > most_bytes:
        return f"it has {entry.file_size:,} bytes, and at most {most_bytes:,} are read"
    grown = entry.file_size > MOST_GROWTH * max(entry.compress_size, 1)
    if grown and entry.file_size > NEVER_MIND_BYTES:
        return f"it would grow to more than {MOST_GROWTH} times its size, as no picture does"
    return ""


def _unpack_one(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, into: Path, most_bytes: int
) -> int | None:
    """Unpack a file; its size, or `None` if it is larger than its entry or `most_bytes` says."""
    size, most = 0, min(most_bytes, entry.file_size)
    with archive.open(entry) as packed, into.open("wb") as file:
        while piece := packed.read(PIECE):
            size += len(piece)
            if size > most:
                return None
            file.write(piece)
    return size
