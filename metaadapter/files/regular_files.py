"""Paths and texts that a user gives; only regular files are read, not pipes or devices."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from metaadapter.errors import DataError
from metaadapter.files.machine_errors import is_of_network
from metaadapter.files.url import Url, as_place

# Linux shows its state as files here, some of them endless.
SYSTEM_FOLDERS = (Path("/proc"), Path("/sys"))


def regular(path: Path) -> Path:
    """Return the path if it leads to a file on a disk; otherwise raise `OSError`.

    Opening a pipe may wait forever, and reading a device may fill the memory.
    """
    try:
        status = path.stat()
    except ValueError as error:
        raise FileNotFoundError(
            errno.ENOENT, f"no file has such a name ({error})", str(path)
        ) from error
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder, not a file", str(path))
    if not stat.S_ISREG(status.st_mode) or status.st_dev in _system_drives():
        raise OSError(errno.EINVAL, "it is a pipe, a device or the like, not a file", str(path))
    return path


def expanded(name: str | os.PathLike[str]) -> Path:
    """Return a place with the home of a user in the place of `~`; an unknown user's `~` stays."""
    place = as_place(name)
    try:
        return place.expanduser()
    except RuntimeError:
        return place


def not_found(source: Path) -> str:
    """Return the message that a place does not exist."""
    if isinstance(source, Url):
        return f"there is no file or folder {source}; correct the URL"
    parent = next(folder for folder in source.absolute().parents if folder.is_dir())
    missing = source.absolute().relative_to(parent).parts[0]
    return f"there is no file or folder {source}: {parent} holds no {missing!r}"


def is_regular(path: Path) -> bool:
    """Return whether a path leads to a file on a disk; `OSError` if the network does not answer."""
    try:
        regular(path)
    except OSError as error:
        if is_of_network(error):
            raise
        return False
    return True


def read_utf8(file: Path, kind: str, *, saved_as: str) -> str:
    """Read a text file, with or without a byte order mark.

    Args:
        file: The file.
        kind: The noun for it in messages, such as "manifest".
        saved_as: The remedy for another encoding: "save … again".

    Raises:
        DataError: The file cannot be read, or is not in UTF-8.
    """
    try:
        return regular(file).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot read the {kind} {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"expected text in UTF-8 in {file}, but byte {error.start + 1} is not; save {saved_as}"
        ) from error


@cache
def _system_drives() -> frozenset[int]:
    # A folder of this name that is not a mount point is an ordinary folder.
    return frozenset(path.stat().st_dev for path in SYSTEM_FOLDERS if os.path.ismount(path))


def given_path(path: str | os.PathLike[str]) -> Path:
    """Return a path; `UsageError` for an empty text, which `Path` takes for the current folder."""
    as_place(path)
    return Path(path)


def given_places(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Return the places of files and folders; a text or path by itself is one place."""
    return [expanded(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)]


def given_texts(texts: str | Iterable[str]) -> list[str]:
    """Return texts such as names; a text by itself is one, not a list of its letters."""
    return [texts] if isinstance(texts, str) else list(texts)
