"""The files that the user's own code opens, by Python's audit events.

A file that a library opens without Python, as safetensors and Arrow may do, causes no event.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, final

from metaadapter.data.checksums import file_hash

PROGRAMS = (".py", ".pyc", ".pyi")
# The code of Python, of its packages and of this project has identities of its own.
INSTALLED = tuple({*sysconfig.get_paths().values(), str(Path(__file__).parents[1])})

_listening: list[OpenedFiles] = []


@final
class OpenedFiles:
    """The files that were opened for reading within `watch`, except for programs."""

    def __init__(self) -> None:
        self._opened: set[str] = set()
        self._written: set[str] = set()
        self._hashes: dict[str, str] = {}

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Notice the files that are opened in this block, by any thread."""
        _install_hook()
        _listening.append(self)
        try:
            yield
        finally:
            _listening.remove(self)

    def notice(self, path: str, flags: int) -> None:
        """Remember a file that was opened; a file that the code made itself does not count."""
        (self._written if flags & os.O_CREAT else self._opened).add(path)

    def hashes(self) -> dict[str, str]:
        """Return path → SHA-256 of all files opened so far, as each was when it was last opened.

        Call it after each `watch`. A path within the working directory is relative to it.
        """
        opened = {os.path.realpath(path) for path in self._opened - self._written}
        self._opened.clear()
        for path in opened:
            if not path.endswith(PROGRAMS) and not path.startswith(INSTALLED):
                with suppress(OSError):
                    self._hashes[_portable(path)] = _hash_of(Path(path))
        return dict(sorted(self._hashes.items()))


def changed_files(hashes: Mapping[str, str]) -> list[str]:
    """Return the paths whose files are missing or have another SHA-256 than in `hashes`."""
    changed = []
    for path, expected in hashes.items():
        try:
            if _hash_of(Path(path)) == expected:
                continue
        except OSError:
            pass
        changed.append(path)
    return changed


def _hash_of(path: Path) -> str:
    status = path.stat()
    return _cached_hash(str(path.resolve()), status.st_size, status.st_mtime_ns, status.st_ino)


@lru_cache(maxsize=4096)
def _cached_hash(path: str, *_status: int) -> str:
    return file_hash(Path(path))


def _portable(path: str) -> str:
    here = os.path.realpath(os.curdir)
    return os.path.relpath(path, here) if path.startswith(here + os.sep) else path


@cache
def _install_hook() -> None:
    sys.addaudithook(_hear)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or not _listening:
        return
    path, _, flags = arguments
    # A number is a file that is open already.
    if isinstance(path, (str, bytes, os.PathLike)):
        for listener in _listening:
            listener.notice(str(Path(os.fsdecode(path)).absolute()), flags)
