"""Files in buckets and other remote places, which are named by a URL and read through fsspec."""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaadapter.errors import MissingPackage, UsageError

# One letter before the colon is a drive of Windows.
URL = re.compile(r"([a-z][a-z0-9+.-]+)://")
# A `Path` of a URL has lost a slash.
COLLAPSED = re.compile(r"([a-z][a-z0-9+.-]+):(/|$)")
# Protocols of this machine's own files; their paths begin with a slash.
LOCAL = ("file", "local")
# Codes of S3 for requests that are refused whatever the file.
OF_THE_USER = frozenset(
    {"AccountProblem", "ExpiredToken", "InvalidAccessKeyId", "RequestTimeTooSkewed"}
    | {"SignatureDoesNotMatch"}
)
BUFFER_BYTES = 2**20

if TYPE_CHECKING:
    Base = Path
else:
    Base = type(Path())  # until Python 3.12 a subclass of `Path` itself has no syntax of paths

_BUCKETS = "'metaadapter[buckets]'"
# Protocol → the packages that read it.
PACKAGES = {
    **dict.fromkeys(("s3", "s3a", "gs", "gcs"), _BUCKETS),
    **dict.fromkeys(("http", "https"), "aiohttp requests"),
}


class Url(Base):
    """A path in a remote place, such as s3://bucket/photos; its text is the URL.

    It is a `Path` for those who read: it has names, parents and parts, and `open`, `stat`,
    `iterdir` and so on ask the remote place. Nothing can be written. Each request is retried as
    the package of the protocol does by itself; then trouble with the network or the account is an
    `OSError` with `errno.EHOSTUNREACH`, which is no fault of the file (`is_shortage`).
    """

    _entry: Mapping[str, Any] | None = None
    """The facts about it in the list of its folder."""

    def __str__(self) -> str:
        text: str = super().__str__().replace(os.sep, "/")
        match = COLLAPSED.match(text)
        if match is None:
            return text
        return f"{match[1]}:{'///' if match[1] in LOCAL else '//'}{text[match.end() :]}"

    def __fspath__(self) -> str:
        return str(self)

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:  # noqa: ARG002
        """Return the kind and the size; the other facts are 0."""
        facts = self._facts()
        mode = {"file": stat.S_IFREG, "directory": stat.S_IFDIR}.get(facts["type"], stat.S_IFIFO)
        return os.stat_result((mode, 0, 0, 1, 0, 0, facts.get("size") or 0, 0, 0, 0))

    def exists(self, **_: object) -> bool:
        """Return whether there is a file or folder."""
        return self._mode() != 0

    def is_file(self, **_: object) -> bool:
        """Return whether there is a file."""
        return stat.S_ISREG(self._mode())

    def is_dir(self, **_: object) -> bool:
        """Return whether there is a folder."""
        return stat.S_ISDIR(self._mode())

    def iterdir(self) -> Generator[Url, None, None]:
        """Yield the files and folders of a folder, which know whether they are folders."""
        files, path = self._place()
        with _explained(self):
            entries = files.ls(path, detail=True)
        for entry in entries:
            name = entry["name"].rstrip("/")
            # Some programs mark a folder by an empty file with its name.
            if name != path.rstrip("/"):
                inner = self / name.rpartition("/")[2]
                inner._entry = entry
                yield inner

    def read_range(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` to before `end`, or to the end of a shorter file."""
        files, path = self._place()
        with _explained(self):
            try:
                return bytes(files.cat_file(path, start=start, end=end))
            except Exception:
                # S3 refuses a range of an empty file.
                if files.size(path) <= start:
                    return b""
                raise

    def open(  # type: ignore[override]
        self, mode: str = "r", *_: object, **options: object
    ) -> io.BufferedReader:
        """Open the file for reading in binary mode; only the parts that are read are fetched."""
        if mode != "rb" or options:
            raise io.UnsupportedOperation(f"{self} can only be opened as 'rb'")
        return io.BufferedReader(_RemoteFile(self), BUFFER_BYTES)

    def read_bytes(self) -> bytes:
        """Return the whole content."""
        return self.read_range(0, self.stat().st_size)

    def read_text(self, encoding: str | None = None, *_: object, **__: object) -> str:
        """Return the whole content as text."""
        return io.TextIOWrapper(io.BytesIO(self.read_bytes()), encoding or "utf-8").read()

    def absolute(self) -> Url:
        """Return itself."""
        return self

    def resolve(self, strict: bool = False) -> Url:  # noqa: ARG002
        """Return itself; there are no links."""
        return self

    def expanduser(self) -> Url:
        """Return itself."""
        return self

    def _mode(self) -> int:
        try:
            return self.stat().st_mode
        except FileNotFoundError:
            return 0

    def _facts(self) -> Mapping[str, Any]:
        if self._entry is not None:
            return self._entry
        files, path = self._place()
        with _explained(self):
            facts: Mapping[str, Any] = files.info(path)
        return facts

    def _place(self) -> tuple[Any, str]:
        match = URL.match(text := str(self))
        if match is None:
            raise FileNotFoundError(errno.ENOENT, "it lies outside of the remote place", text)
        files = _filesystem(match[1], os.getpid())
        return files, files._strip_protocol(text)


class _RemoteFile(io.RawIOBase):
    """A file that is fetched in the parts that are asked for."""

    def __init__(self, url: Url) -> None:
        super().__init__()
        self._url, self._at, self._size = url, 0, url.stat().st_size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_CUR: self._at, os.SEEK_END: self._size}.get(whence, 0)
        return self._at

    def readinto(self, buffer: Any) -> int:
        length = max(0, min(len(buffer), self._size - self._at))
        if length:
            content = self._url.read_range(self._at, self._at + length)
            if len(content) != length:
                raise OSError(errno.EIO, "it has become shorter", str(self._url))
            buffer[:length] = content
            self._at += length
        return length


def as_place(name: str | os.PathLike[str]) -> Path:
    """Return the path of a name: a `Url` if it is one, also if a `Path` has taken a slash away."""
    if isinstance(name, Url):
        return name
    if not isinstance(name, Path):
        text = os.fspath(name)
        if not text:
            raise UsageError(
                "an empty text is no path; give a file or folder, such as '.' for the current one"
            )
        return Url(text) if URL.match(text) else Path(text)
    if COLLAPSED.match(text := name.as_posix()) and not os.path.lexists(name.parts[0]):
        return Url(text)
    return name


@lru_cache(16)
def _filesystem(protocol: str, _process: int) -> Any:
    """Return the file system of a protocol; a process that was forked needs its own."""
    try:
        import fsspec

        # Lists of millions of files must not stay in memory.
        return fsspec.filesystem(protocol, use_listings_cache=False)
    except ImportError as error:
        raise MissingPackage(
            f"reading {protocol}:// needs a package ({error}): "
            f"pip install {PACKAGES.get(protocol, 'fsspec and that package')}"
        ) from error
    except ValueError as error:
        if protocol in fsspec.available_protocols():
            raise
        raise UsageError(
            f"{protocol}:// is no kind of place that fsspec knows; expected s3://BUCKET/…, "
            "gs://BUCKET/… or the like, or the path of a file or folder"
        ) from error


@contextmanager
def _explained(url: Url) -> Iterator[None]:
    """Give errors the numbers of a drive's: not there, no permission, or the network fails."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, "there is no such file", str(url)) from error
    except (IsADirectoryError, NotADirectoryError) as error:
        raise IsADirectoryError(errno.EISDIR, "it is a folder, not a file", str(url)) from error
    except Exception as error:
        answer = getattr(error.__cause__, "response", None)
        code = answer.get("Error", {}).get("Code") if isinstance(answer, Mapping) else None
        # gcsfs has no class for this error.
        is_refused = isinstance(error, PermissionError) or str(error).startswith("Forbidden")
        if is_refused and code not in OF_THE_USER:
            raise PermissionError(errno.EACCES, "no permission to read it", str(url)) from error
        text = f"its place does not answer ({' '.join(str(error).split()) or type(error).__name__})"
        raise OSError(errno.EHOSTUNREACH, text, str(url)) from error
