"""The folder of a feature store while it is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metaadapter.data.output_folder import hold_lock, require_own_or_empty, write_errors

HEADER_FILE = "store.json"
CACHE_FOLDER = ".partial"
LOCK_FILE = ".lock"

REMEDY = "restore it from a copy, or run the same `metaadapter encode` with a new --out"


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Create a store's folder if it is missing, and lock it until the block or process ends."""
    with write_errors(f"the feature store {folder}", "Nothing was changed."):
        folder.mkdir(parents=True, exist_ok=True)
        require_own_or_empty(folder, (HEADER_FILE, CACHE_FOLDER, LOCK_FILE), "feature store")
    with hold_lock(folder / LOCK_FILE, f"the feature store {folder}"):
        yield
