"""What a machine may refuse any program: space, rights, open files, memory."""

from __future__ import annotations

import errno
import re

from metaadapter.errors import DataError

__all__ = ["is_want_of_the_program", "refusal"]

MEMORY = "free some memory, or allow the program more of it (ulimit -v)"
OPEN_FILES = "allow the program more open files (ulimit -n)"
REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or ask for a larger quota",
    errno.EFBIG: "allow larger files (ulimit -f), or choose a drive that takes them",
    errno.EROFS: "choose a place that is not read-only",
    errno.EACCES: "correct the permissions, or choose another place",
    errno.EPERM: "correct the permissions, or choose another place",
    errno.EMFILE: OPEN_FILES,
    errno.ENFILE: OPEN_FILES,
    errno.EIO: "check the drive, or the connection to it",
    errno.ENOMEM: MEMORY,
}
# How PyTorch, the loader of libraries and the standard library tell of it, in errors of any class.
NO_MEMORY = re.compile(
    r"not enough memory|can't allocate memory|out of memory|bad_alloc|failed to map segment|"
    r"cannot allocate memory|can't start new thread|could not create a primitive",
    re.IGNORECASE,
)


def refusal(error: BaseException) -> DataError | None:
    """The error in plain words if the machine is what it tells of, with a remedy; else None."""
    number = error.errno if isinstance(error, OSError) else None
    if number in REMEDIES:
        assert isinstance(error, OSError)
        where = "" if error.filename is None else f"{error.filename}: "
        return DataError(f"{where}{error.strerror}; {REMEDIES[number]}")
    if isinstance(error, MemoryError) or NO_MEMORY.search(str(error)):
        return DataError(f"there is not enough memory; {MEMORY}")
    return None


def is_want_of_the_program(error: BaseException) -> bool:
    """Whether the program lacks something, memory or open files: no fault of the file it read."""
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        return True
    return isinstance(error, MemoryError) or bool(NO_MEMORY.search(str(error)))
