"""Files that the user names for results; they may be pipes or terminals."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from metaadapter.data.output_folder import Content, replace_file, write_content

STDOUT = 1


def is_stream(path: Path) -> bool:
    """Return whether a path leads to a pipe, a character device or this program's output.

    Such a place is written to, and never replaced by a file.
    """
    try:
        status = path.stat()
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(status.st_mode) or stat.S_ISCHR(status.st_mode) or _is_stdout(status)


def write_output(path: Path, content: Content) -> None:
    """Replace a file in one step, or write through to a stream, until its reader leaves."""
    if not is_stream(path):
        replace_file(path, content)
        return
    with suppress(BrokenPipeError), _opened(path) as file:
        write_content(file, content)


def _opened(path: Path) -> IO[bytes]:
    if not _is_stdout(path.stat()):
        return path.open("wb")
    # A second opening of a redirected output would begin at its start.
    sys.stdout.flush()
    return os.fdopen(os.dup(STDOUT), "wb")


def _is_stdout(status: os.stat_result) -> bool:
    try:
        return os.path.samestat(status, os.fstat(STDOUT))
    except OSError:
        return False  # it is closed
