"""The folder of a feature store while it is written: nobody else's files, one writer at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metaadapter.errors import DataError
from metaadapter.own_folder import hold_lock, require_own_or_empty

__all__ = [
    "HEADER_FILE",
    "JOURNAL_FOLDER",
    "LOCK_FILE",
    "REMEDY",
    "hold_folder",
    "write_errors",
]

HEADER_FILE = "store.json"
JOURNAL_FOLDER = ".partial"
LOCK_FILE = ".lock"

REMEDY = "restore it from a copy, or run the same `metaadapter encode` with a new --out"


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
        require_own_or_empty(folder, (HEADER_FILE, JOURNAL_FOLDER, LOCK_FILE), "feature store")
    with hold_lock(folder / LOCK_FILE, f"the feature store {folder}"):
        yield
