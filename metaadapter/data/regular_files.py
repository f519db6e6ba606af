"""Files to read: what else has a name, such as a pipe or a device, is never opened."""

from __future__ import annotations

import errno
import os
import stat
from functools import cache
from pathlib import Path

# Linux shows its state as files there, some of them without an end.
OF_THE_SYSTEM = (Path("/proc"), Path("/sys"))


def regular(path: Path) -> Path:
    """The path again, if it leads to a file on a disk.

    Opening a pipe may wait for ever, and reading a device may fill the memory.

    Raises:
        OSError: It leads to nothing, or to something else.
    """
    try:
        found = path.stat()
    except ValueError as error:
        raise FileNotFoundError(
            errno.ENOENT, f"no file has such a name ({error})", str(path)
        ) from error
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder, not a file", str(path))
    if not stat.S_ISREG(found.st_mode) or found.st_dev in _drives_of_the_system():
        raise OSError(errno.EINVAL, "it is a pipe, a device or the like, not a file", str(path))
    return path


def is_regular(path: Path) -> bool:
    """Whether a path, of which anything may come, leads to a file on a disk."""
    try:
        regular(path)
    except OSError:
        return False
    return True


@cache
def _drives_of_the_system() -> frozenset[int]:
    # A folder of such a name that is no drive of its own is an ordinary one.
    return frozenset(path.stat().st_dev for path in OF_THE_SYSTEM if os.path.ismount(path))
