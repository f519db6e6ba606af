"""Files that a client uploads, one at a time on the disk, with zip files unpacked within limits."""

from __future__ import annotations

import re
import shutil
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from metaadapter.apps.page.limits import Limits
from metaadapter.apps.page.refusal import Refusal
from metaadapter.data.plain_text import one_line
from metaadapter.data.walk import LEFTOVERS

if TYPE_CHECKING:
    from fastapi import UploadFile

MAX_PART_LENGTH, MAX_PARTS = 120, 16
DRIVE = re.compile(r"^[A-Za-z]:")
MAGIC = b"PK\x03\x04"
# With other methods, Python unpacks all that it has read in one step, perhaps to gigabytes.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


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
        with zipfile.ZipFile(file) as archive:
            entries = [entry for entry in archive.infolist() if _is_wanted(entry)]
            if len(entries) > limits.archived_files:
                raise ValueError(
                    f"it holds {len(entries):,} files; the limit is {limits.archived_files:,}"
                )
            checked = [(entry, _fault(entry, limits.picture_bytes)) for entry in entries]
            if sum(one.file_size for one, fault in checked if not fault) > limits.unpacked_bytes:
                raise ValueError(f"it unpacks to more than {limits.unpacked_bytes:,} bytes")
            for entry, fault in checked:
                if not fault:
                    # `zipfile` reads at most the size that was checked.
                    with archive.open(entry) as packed, target.open("wb") as unpacked:
                        shutil.copyfileobj(packed, unpacked)
                yield UploadedFile(plain_name(entry.filename), None if fault else target, fault)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, EOFError) as error:
        raise ValueError(f"it is damaged or not a readable zip file ({error})") from error


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
    return ""


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
