"""Files and folders that exist whole or not at all, also after a crash."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

__all__ = ["change_folder", "replace_file"]


def replace_file(path: Path, content: bytes | str | Callable[[IO[bytes]], object]) -> None:
    """Create or replace `path` in one step, in a folder that exists.

    A reader, also one that comes after a crash or an OSError, sees the old file or the new one. The
    content is bytes, text (written as UTF-8), or a function that writes into an open file.
    """
    unfinished = path.with_name(f"{path.name}.tmp")
    try:
        with unfinished.open("wb") as file:
            _fill(file, content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def change_folder(folder: Path, change: Callable[[Path], object]) -> None:
    """Let `change` work on a copy of a folder, which then takes the folder's place as a whole.

    If it fails, or an OSError comes, the folder is as it was. A process that is killed while the
    two change places leaves the old one beside it, as `.NAME.old`; the next change puts it back.
    """
    folder = folder.resolve()
    copy, old = (folder.with_name(f".{folder.name}.{which}") for which in ("new", "old"))
    if not folder.exists() and old.exists():
        old.rename(folder)
    for left_behind in (copy, old):
        shutil.rmtree(left_behind, ignore_errors=True)
    try:
        shutil.copytree(folder, copy, symlinks=True)
        change(copy)
        folder.rename(old)
        try:
            copy.rename(folder)
        except BaseException:
            old.rename(folder)
            raise
    finally:
        shutil.rmtree(copy, ignore_errors=True)
    _sync_folder(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _fill(file: IO[bytes], content: bytes | str | Callable[[IO[bytes]], object]) -> None:
    if callable(content):
        content(file)
    else:
        file.write(content.encode() if isinstance(content, str) else content)


def _sync_folder(folder: Path) -> None:
    # Windows cannot open a folder, and keeps renames in order without this.
    with suppress(PermissionError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
