"""Folders and files for results.

A folder holds no other files, and has one writer at a time. A file is written whole or not at all,
even if the process or the machine stops; one that the user names may be a pipe or a terminal.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TypeAlias

from metaadapter.errors import DataError
from metaadapter.files.machine_errors import is_shortage
from metaadapter.files.regular_files import regular
from metaadapter.files.strict_json import parse_json

# The errors of file systems that cannot lock, such as many network drives.
NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP}
# The endings of names that a writer leaves if it is killed before it renames its files.
UNFINISHED = ("", ".tmp", ".new", ".new.tmp")
OWN_SCHEMAS = "metaadapter."
STDOUT = 1

Content: TypeAlias = bytes | str | Callable[[IO[bytes]], object]


def replace_file(path: Path, content: Content) -> None:
    """Create or replace a file in one step; a reader sees the old file or the new one."""
    unfinished = path.with_name(f"{path.name}.tmp")
    # A link to another file, or a pipe, may have this name.
    unfinished.unlink(missing_ok=True)
    # If another writer is faster, this fails and leaves that writer's file alone.
    file = unfinished.open("xb")
    try:
        with file:
            write_content(file, content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException as error:
        if isinstance(error, OSError) and error.errno and error.filename is None:
            error.filename = str(path)  # a failed write does not name its file
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_content(file: IO[bytes], content: Content) -> None:
    """Write bytes, a text in UTF-8, or what a function writes."""
    if callable(content):
        content(file)
    else:
        file.write(content.encode() if isinstance(content, str) else content)


def sync_folder(folder: Path) -> None:
    """Write the names in a folder to the drive, so that they survive a loss of power."""
    # Windows cannot open a folder, and keeps renames in order without this.
    with suppress(PermissionError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def require_own_or_empty(
    folder: Path,
    marks: Iterable[str],
    kind: str,
    *,
    instead: str = "give --out an empty or new folder",
) -> None:
    """Raise `DataError` unless a folder is empty or has results, shown by a file of `marks`.

    A JSON file of another program with such a name is no mark; a damaged one is.
    """
    places = [folder / f"{name}{end}" for name in marks for end in UNFINISHED]
    present = [place for place in places if place.exists()]
    foreign = [place.name for place in present if _is_of_another_program(place)]
    if present and not foreign:
        return
    # File managers leave hidden files, and no results have such names.
    others = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if others:
        reason = f" ({foreign[0]} is damaged, or of another program)" if foreign else ""
        raise DataError(
            f"the folder {folder} holds other files ({', '.join(others[:3])}"
            f"{' …' if len(others) > 3 else ''}) and no {kind}{reason}; {instead}"
        )


def _is_of_another_program(file: Path) -> bool:
    if file.suffix != ".json":
        return False
    try:
        values = parse_json(regular(file).read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return not (isinstance(values, dict) and str(values.get("schema")).startswith(OWN_SCHEMAS))


@contextmanager
def write_errors(
    owner: str, kept: str = "", *, instead: str = "choose another --out"
) -> Iterator[None]:
    """Turn the `OSError` of a failed write (disk full, no permission) into a `DataError`.

    `kept` says what is on disk and how to continue; the advice in the message ends with `instead`.
    """
    try:
        yield
    except OSError as error:
        if is_shortage(error):
            raise
        if isinstance(error, IsADirectoryError | NotADirectoryError):  # no matter of space
            place = error.filename2 or error.filename
            raise DataError(
                f"cannot write {owner}: {place}: {error.strerror}; remove it, or {instead}"
                f"{kept and '. '}{kept}"
            ) from error
        raise DataError(
            f"cannot write {owner}: {error.strerror or error}; free some space, correct the "
            f"permissions, or {instead}{kept and '. '}{kept}"
        ) from error


def require_no_link(path: Path) -> None:
    """Raise `DataError` if a path is a link, so that writing to it changes nothing elsewhere."""
    if path.is_symlink():
        raise DataError(
            f"{path} is a link, and writing to it would change a file elsewhere; replace the link "
            "by its target, or remove it"
        )


@contextmanager
def open_after(path: Path, size: int, **options: str) -> Iterator[IO[bytes]]:
    """Open a file for appending after its first `size` bytes; the rest is cut off.

    `options` are those of `write_errors`.
    """
    require_no_link(path)
    with write_errors(str(path), **options):
        path.touch()
        os.truncate(regular(path), min(size, path.stat().st_size))
        file = path.open("ab")
    try:
        yield file
    finally:
        with suppress(OSError):  # a failed write has been reported already
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
    """Hold a lock file while a block runs; on a drive that cannot lock, warn and continue.

    The system frees the lock when the process ends, even if it is killed. The file stays: if it
    were removed, two later runs could lock two different files.
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
            raise DataError(
                f"cannot lock {owner}: {error.strerror or error}; correct {file} or the "
                f"permissions there, or {instead}"
            ) from error
        warnings.warn(
            f"the drive of {owner} cannot lock files ({error.strerror}); take care that no other "
            "run writes to this folder at the same time",
            stacklevel=4,
        )
    try:
        yield
    finally:
        lock.release()


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
