"""Files that exist whole or not at all, and one writer at a time per folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from metaadapter.errors import DataError

__all__ = ["lock_folder", "replace_file", "write_errors"]

LOCK_FILE = ".lock"


def replace_file(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Create or replace `path` by what `write` puts into an open file, in one step.

    A reader, also one that comes after a crash, sees the old file or the new one.
    """
    unfinished = path.with_name(f"{path.name}.tmp")
    try:
        with unfinished.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


@contextmanager
def write_errors(folder: Path, kept: str) -> Iterator[None]:
    """Turn a failed write (disk full, no permission) into a message that names the folder.

    Args:
        folder: The feature store that is written.
        kept: A sentence: what is on disk nevertheless, and how to go on.

    Raises:
        DataError: Instead of any OSError.
    """
    try:
        yield
    except OSError as error:
        raise DataError(
            f"cannot write the feature store {folder}: {error.strerror or error}. Free some "
            f"space, correct the permissions or choose another --out. {kept}"
        ) from error


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Hold `folder` for writing; the system frees it when the process ends, however it ends.

    Raises:
        DataError: Another process writes to the folder.
    """
    # The lock file stays: removing it would let two later runs lock two different files.
    with (folder / LOCK_FILE).open("ab") as file:
        if not _try_lock(file):
            raise DataError(
                f"another run is writing to the feature store {folder}; wait until it has ended, "
                "or choose another --out"
            )
        try:
            yield
        finally:
            _unlock(file)


def _sync_folder(folder: Path) -> None:
    # Windows cannot open a folder, and keeps renames in order without this.
    with suppress(PermissionError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[bytes]) -> bool:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
