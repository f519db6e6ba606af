"""Files that are written whole or not at all, also when the process or the machine stops."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, TypeAlias

Content: TypeAlias = bytes | str | Callable[[IO[bytes]], object]


def replace_file(path: Path, content: Content) -> None:
    """Create or replace a file in one step, in a folder that exists.

    A reader sees the old file or the new one, also after a crash or an `OSError`. Text is
    written as UTF-8; a function writes into the open file.
    """
    unfinished = path.with_name(f"{path.name}.tmp")
    # A link to another file, or a pipe, may have this name.
    unfinished.unlink(missing_ok=True)
    # If another writer is faster, this fails and leaves that writer's file alone.
    file = unfinished.open("xb")
    try:
        with file:
            if callable(content):
                content(file)
            else:
                file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException as error:
        if isinstance(error, OSError) and error.errno and error.filename is None:
            error.filename = str(path)  # a failed write does not name its file
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Write the names in a folder to the drive, so that they survive a loss of power."""
    # Windows cannot open a folder, and keeps renames in order without this.
    with suppress(PermissionError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
