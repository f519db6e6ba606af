"""The folder of a feature store while it is written: nobody else's files, one writer at a time."""

from __future__ import annotations

import errno
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from metaadapter.errors import DataError

__all__ = [
    "HEADER_FILE",
    "JOURNAL_FOLDER",
    "LOCK_FILE",
    "REMEDY",
    "hold_folder",
    "lock_file",
    "write_errors",
]

HEADER_FILE = "store.json"
JOURNAL_FOLDER = ".partial"
LOCK_FILE = ".lock"

REMEDY = "restore it from a copy, or run the same `metaadapter encode` with a new --out"

# What flock says on file systems that cannot lock, such as many network drives.
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


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
def hold_folder(folder: Path) -> Iterator[None]:
    """Make `folder` if it is not there, and hold it; the system frees it when the process ends.

    Raises:
        DataError: Another process writes to the folder, it holds files of another kind, or it
            cannot be written.
    """
    with write_errors(folder, "Nothing was changed."):
        folder.mkdir(parents=True, exist_ok=True)
        _require_store_or_empty(folder)
        # The lock file stays: removing it would let two later runs lock two different files.
        file = (folder / LOCK_FILE).open("ab")
    with file:  # closing it unlocks it
        lock_file(file, folder, "feature store")
        yield


def _require_store_or_empty(folder: Path) -> None:
    if any((folder / name).exists() for name in (HEADER_FILE, JOURNAL_FOLDER, LOCK_FILE)):
        return
    # Hidden ones are left by file managers, and nothing of a store has such a name.
    others = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if others:
        raise DataError(
            f"the folder {folder} holds other files ({', '.join(others[:3])}"
            f"{' …' if len(others) > 3 else ''}) and no feature store; give --out an empty or "
            "new folder"
        )


def lock_file(file: IO[bytes], folder: Path, what: str) -> None:
    """Lock a file in the folder until it is closed.

    Args:
        file: Open for writing.
        folder: What the lock is for.
        what: Kind of thing that the folder is, for messages.

    Raises:
        DataError: Another process has the lock, or locking failed.
    """
    try:
        locked = _try_lock(file)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise DataError(
                f"cannot lock the {what} {folder}: {error.strerror or error}; choose another --out"
            ) from error
        warnings.warn(
            f"the drive of the {what} {folder} cannot lock files ({error.strerror}); take "
            "care that no other run writes to this folder meanwhile",
            stacklevel=2,
        )
        return
    if not locked:
        raise DataError(
            f"another run is writing to the {what} {folder}; wait until it has ended, "
            "or choose another --out"
        )


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[bytes]) -> bool:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True
else:
    import fcntl

    def _try_lock(file: IO[bytes]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
