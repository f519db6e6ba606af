"""A folder that results are written to: nobody else's files in it, one writer at a time."""

from __future__ import annotations

import errno
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from metaadapter.errors import DataError

__all__ = ["lock_file", "require_own_or_empty"]

# What flock says on file systems that cannot lock, such as many network drives.
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}


def require_own_or_empty(folder: Path, marks: Iterable[str], kind: str) -> None:
    """Check that nothing of somebody else's lies in a folder that is to be written to.

    Args:
        folder: Is there.
        marks: Names of files by which a folder of this kind is known.
        kind: What it holds, for messages.

    Raises:
        DataError: It holds files, and none of the marks.
    """
    if any((folder / name).exists() for name in marks):
        return
    # Hidden ones are left by file managers, and nothing that is kept has such a name.
    others = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if others:
        raise DataError(
            f"the folder {folder} holds other files ({', '.join(others[:3])}"
            f"{' …' if len(others) > 3 else ''}) and no {kind}; give --out an empty or new folder"
        )


def lock_file(file: IO[bytes], owner: str) -> None:
    """Hold an open file until it is closed; where the drive cannot lock, warn and go on.

    The system frees it when the process ends, however it ends.

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
