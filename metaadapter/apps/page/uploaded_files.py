"""Files that a client uploads, one at a time on the disk, with zip files unpacked within limits."""

from __future__ import annotations

import re
import shutil
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast

from metaadapter.apps.page.limits import Limits
from metaadapter.apps.page.refusal import Refusal
from metaadapter.data.picture_names import LEFTOVERS
from metaadapter.data.plain_text import one_line

if TYPE_CHECKING:
    from fastapi import UploadFile

MAX_PART_LENGTH, MAX_PARTS = 120, 16
DRIVE = re.compile(r"^[A-Za-z]:")
MAGIC = b"PK\x03\x04"
# `zipfile` reads the whole directory of a zip file into memory.
MAX_DIRECTORY_BYTES = 2**23
# With other methods, Python unpacks all that it has read in one step, perhaps to gigabytes.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Packing hardly shrinks pictures. A file that grows more than this was made to fill a disk.
MAX_GROWTH, MIN_GROWN_BYTES = 100, 2**20
PIECE_BYTES = 2**20


class UploadedFile(NamedTuple):
    """A file that a client uploaded: its plain name, and its path, or why it has none."""

    name: str
    path: Path | None
    reason: str = ""


def uploaded_files(
    files: Iterable[UploadFile], folder: Path, limits: Limits
) -> Iterator[UploadedFile]:
    """Yield the files of a form, its zip files unpacked; use each file before taking the next.

    A file that is refused, such as a file above the limit, has a reason and no path.
    """
    target = folder / "file"
    for file in files:
        name, content = plain_name(file.filename or ""), file.file
        if _is_zip(content):
            try:
                yield from unpack(content, target, limits)
            except ValueError as error:
                yield UploadedFile(name, None, str(error))
        elif (file.size or 0) > limits.picture_bytes:
            yield UploadedFile(name, None, f"it has more than {limits.picture_bytes:,} bytes")
        else:
            yield UploadedFile(name, on_disk(file, target))


def on_disk(file: UploadFile, target: Path) -> Path:
    """Write a file to `target`, and return `target`; a `Refusal` if it cannot be written."""
    try:
        with target.open("wb") as written:
            shutil.copyfileobj(file.file, written)
    except OSError as error:
        raise not_saved(error) from error
    return target


def not_saved(error: OSError) -> Refusal:
    """The refusal of files that cannot be written."""
    sentence = f"The files cannot be written: {error.strerror or error}. Free some space."
    return Refusal(503, "not-saved", sentence)


def unpack(file: IO[bytes], target: Path, limits: Limits) -> Iterator[UploadedFile]:
    """Yield the files of a zip file, each unpacked to `target`: move it away before the next one.

    The names in the zip file never become names on the disk. Folders, hidden files and the files
    that file managers leave behind are skipped. A `ValueError` says why a zip file is refused.
    """
    try:
        with zipfile.ZipFile(cast("IO[bytes]", _SmallReads(file))) as archive:
            entries = [entry for entry in archive.infolist() if _is_wanted(entry)]
            if len(entries) > limits.archived_files:
                raise ValueError(
                    f"it holds {len(entries):,} files; the limit is {limits.archived_files:,}"
                )
            left = limits.unpacked_bytes
            for entry in entries:
                fault = _fault(entry, limits.picture_bytes)
                if not fault:
                    most = min(left, limits.picture_bytes)
                    size = _unpack_one(archive, entry, target, most)
                    if size is None and left < limits.picture_bytes:
                        raise ValueError(f"it unpacks to more than {limits.unpacked_bytes:,} bytes")
                    left -= size or 0
                    fault = _fault_of_content(target, size)
                yield UploadedFile(plain_name(entry.filename), None if fault else target, fault)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, EOFError) as error:
        raise ValueError(f"it is damaged or not a readable zip file ({error})") from error


class _SmallReads:
    """A zip file whose directory must not be longer than `MAX_DIRECTORY_BYTES`."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        if size > MAX_DIRECTORY_BYTES:
            raise ValueError("its list of files is too long")
        return self._file.read(size)


def _is_zip(file: IO[bytes]) -> bool:
    start = file.read(len(MAGIC))
    file.seek(0)
    return start == MAGIC


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


def _fault_of_content(path: Path, size: int | None) -> str:
    if size is None:
        return "it is larger than its zip file says"
    with path.open("rb") as file:
        return "it is a zip file within a zip file; unpack it first" if _is_zip(file) else ""


def plain_name(name: str) -> str:
    """A client's file name as a relative path without `..`; each part becomes one visible line.

    The page shows the name, and tables and scripts that people download contain it.
    """
    parts = DRIVE.sub("", name.replace("\\", "/")).split("/")
    kept = [one_line(part.strip()) for part in parts if part.strip() not in ("", ".", "..")]
    return "/".join([_shortened(part) for part in kept][-MAX_PARTS:]) or "picture"


def _shortened(part: str) -> str:
    if len(part) <= MAX_PART_LENGTH:
        return part
    stem, dot, suffix = part.rpartition(".")
    end = f"{dot}{suffix}" if stem and len(suffix) <= 8 else ""
    return part[: MAX_PART_LENGTH - len(end)] + end


def folder_of(name: str) -> str:
    """The folder in the name of a picture; "" if the name has no folder."""
    return name.split("/")[-2] if "/" in name else ""
