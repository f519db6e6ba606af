"""User code: a function or a class in a Python file, named FILE.py:NAME, and the files it opens.

A file that a library opens without Python, as safetensors and Arrow may do, is not noticed.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, final

from metaadapter.data.checksums import content_hash, file_hash
from metaadapter.data.regular_files import regular
from metaadapter.errors import UsageError

PROGRAMS = (".py", ".pyc", ".pyi")
# The code of Python, of its packages and of this project has identities of its own.
PACKAGE = Path(__file__).parents[1]
INSTALLED = tuple({*sysconfig.get_paths().values(), str(PACKAGE)})

_listening: list[OpenedFiles] = []
_opened: dict[Path, OpenedFiles] = {}


def is_user_code(name: str) -> bool:
    """Return whether a name is FILE.py:NAME or FILE.py:NAME@FOLDER."""
    return bool(user_code_and_folder(name)[0])


def user_code_and_folder(name: str) -> tuple[str, str]:
    """Split FILE.py:NAME@FOLDER into FILE.py:NAME and FOLDER; "" for a missing part."""
    match = re.fullmatch(r"(.+\.py:\w+)(?:@(.+))?", name)
    return (match[1], match[2] or "") if match else ("", "")


def load_user_code(name: str, *, kind: str) -> Any:
    """Load the function or class FILE.py:NAME; messages name its `kind`, such as "encoder".

    The file is run, because the user has named it. Its folder is searched for modules as well,
    but last: a user's copy.py must not replace Python's.
    """
    file, _, attribute = name.rpartition(":")
    path = Path(file)
    try:
        content = regular(path).read_bytes()
    except OSError as error:
        raise UsageError(
            f"{kind} {name!r}: cannot read {file}: {error.strerror or error}"
        ) from error
    module = _run(path, content_hash(content)[:12], f"{kind} {name!r}")
    if not hasattr(module, attribute):
        raise UsageError(
            f"{kind} {name!r}: {file} has no {attribute!r}; write after the colon the name of a "
            "function or class that the file defines"
        )
    return getattr(module, attribute)


def files_opened_by(name: str) -> OpenedFiles:
    """Return the files that FILE.py opened when it was loaded; those of later runs may be added."""
    return _opened[Path(name.rpartition(":")[0]).resolve()]


def explain(error: BaseException) -> str:
    """Describe an error of code outside this package, with its file and line."""
    frames = traceback.extract_tb(error.__traceback__)
    outside = [frame for frame in frames if not Path(frame.filename).is_relative_to(PACKAGE)]
    where = f" ({Path(outside[-1].filename).name}, line {outside[-1].lineno})" if outside else ""
    return f"{type(error).__name__}: {error}{where}"


def _run(path: Path, digest: str, owner: str) -> Any:
    # The title is a hash: two files may have the same name, and a changed file is run again. It is
    # run again, too, if a file that it opened has changed.
    title = f"user_code_{digest}"
    file = path.resolve()
    spec = importlib.util.spec_from_file_location(title, file)
    assert spec is not None
    assert spec.loader is not None
    if (
        getattr(sys.modules.get(title), "__file__", None) == spec.origin
        and file in _opened
        and not changed_files(_opened[file].hashes())
    ):
        return sys.modules[title]
    _opened[file] = OpenedFiles()
    module = importlib.util.module_from_spec(spec)
    sys.modules[title] = module  # where dataclasses and pickled functions look for it
    folder = str(file.parent)
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        with _opened[file].watch():
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a script may end with sys.exit
        del sys.modules[title]
        raise UsageError(f"{owner} cannot be loaded: {explain(error)}") from error
    return module


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
