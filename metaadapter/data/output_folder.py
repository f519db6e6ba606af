"""A folder that results are written to: nobody else's files in it, one writer at a time."""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from metaadapter.data.machine_errors import is_shortage
from metaadapter.data.regular_files import regular
from metaadapter.errors import DataError

# The answers of file systems that cannot lock, such as those of many network drives.
NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP}
# What a writer that was killed adds to the names of files that are not yet in their place.
UNFINISHED = ("", ".tmp", ".new", ".new.tmp")


def require_own_or_empty(
    folder: Path,
    marks: Iterable[str],
    kind: str,
    *,
    instead: str = "give --out an empty or new folder",
) -> None:
    """Check that an existing folder that is to be written to holds nothing of somebody else's.

    `marks` are names of files by which a folder of this `kind` is known. With other files and none
    of the marks it is a `DataError`, whose text ends with `instead`, what to do about it; marks
    that a killed writer did not finish count too.
    """
    if any((folder / f"{name}{end}").exists() for name in marks for end in UNFINISHED):
        return
    # Hidden files are left by file managers, and nothing that is kept has such a name.
    others = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if others:
        raise DataError(
            f"the folder {folder} holds other files ({', '.join(others[:3])}"
            f"{' …' if len(others) > 3 else ''}) and no {kind}; {instead}"
        )


@contextmanager
def write_errors(
    owner: str, kept: str = "", *, instead: str = "choose another --out"
) -> Iterator[None]:
    """Turn a failed write (disk full, no permission) into a message that names what is written.

    The `DataError` in place of an OSError names the owner, as in "the feature store birds/". `kept`
    is a sentence: what is on disk nevertheless, and how to go on. `instead` is the last resort.
    """
    try:
        yield
    except OSError as error:
        if is_shortage(error):
            raise
        raise DataError(
            f"cannot write {owner}: {error.strerror or error}; free some space, correct the "
            f"permissions, or {instead}{kept and '. '}{kept}"
        ) from error


def require_no_link(path: Path) -> None:
    """Check that what is written to `path` stays in its folder; a link is a `DataError`."""
    if path.is_symlink():
        raise DataError(
            f"{path} is a link, and what is written there would change another place; put what it "
            "leads to in its place, or remove it"
        )


@contextmanager
def open_after(path: Path, size: int) -> Iterator[IO[bytes]]:
    """Open a file that grows, perhaps a new one, to go on after its first `size` bytes.

    What lies beyond is cut off: a run that was killed wrote it. A link is a `DataError`, and so is
    what `write_errors` turns into one.
    """
    require_no_link(path)
    with write_errors(str(path)):
        path.touch()
        os.truncate(regular(path), min(size, path.stat().st_size))
        file = path.open("ab")
    try:
        yield file
    finally:
        with suppress(OSError):  # whoever wrote to it has told it
            file.close()


@contextmanager
def hold_lock(
    file: Path,
    owner: str,
    *,
    reentrant: bool = False,
    wait: float = 0.0,
    instead: str = "choose another --out",
) -> Iterator[None]:
    """Hold a lock file while a block runs; where the drive cannot lock, warn and go on.

    The system frees the lock when the process ends, however it ends. The file stays: removing it
    would let two later runs lock two files. A thread that holds a `reentrant` lock may take it once
    more. Where another process holds it for longer than some seconds to `wait`, or it cannot be
    locked, a `DataError` names the owner, and what to do `instead`.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(file, timeout=0, is_singleton=reentrant)
    try:
        lock.acquire(timeout=wait)
    except Timeout as error:
        raise DataError(
            f"another run is writing to {owner}; wait until it has ended, or {instead}"
        ) from error
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise DataError(f"cannot lock {owner}: {error.strerror or error}; {instead}") from error
        warnings.warn(
            f"the drive of {owner} cannot lock files ({error.strerror}); take care that no other "
            "run writes to this folder meanwhile",
            stacklevel=4,
        )
    try:
        yield
    finally:
        lock.release()
