"""One writer at a time: a lock that the system frees when the process ends, however it ends."""

from __future__ import annotations

import errno
import sys
import warnings
from typing import IO

from metaadapter.errors import DataError

__all__ = ["lock_file"]

# What flock says on file systems that cannot lock, such as many network drives.
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


def lock_file(file: IO[bytes], owner: str) -> None:
    """Hold an open file until it is closed; where the drive cannot lock, warn and go on.

    Args:
        file: Open for writing.
        owner: What the file guards, for messages.

    Raises:
        DataError: Another process holds it, or it cannot be locked.
    """
    try:
        locked = _try_lock(file)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise DataError(
                f"cannot lock {owner}: {error.strerror or error}; choose another --out"
            ) from error
        warnings.warn(
            f"the drive of {owner} cannot lock files ({error.strerror}); take care that no other "
            "run writes to this folder meanwhile",
            stacklevel=2,
        )
        return
    if not locked:
        raise DataError(
            f"another run is writing to {owner}; wait until it has ended, or choose another --out"
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
