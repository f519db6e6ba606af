"""Zip files of a few known names with nothing compressed, such as a skill file.

A file from elsewhere can thus not grow when it is read, and names no path outside.
"""

from __future__ import annotations

import errno
import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from metaadapter.files.regular_files import regular

DAMAGE = (
    *(zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError),
    *(struct.error, zlib.error),
)
"""The errors with which `zipfile` reads a damaged file."""


@dataclass(frozen=True, slots=True)
class StoredZip:
    """The sizes of all members of a zip file and the contents of some, as read at one moment."""

    path: Path
    sizes: Mapping[str, int]
    contents: Mapping[str, bytes]

    @classmethod
    def open(
        cls, path: Path, limits: Mapping[str, int], names: Collection[str] | None = None
    ) -> StoredZip:
        """Read the members `names` of a file, by default all members.

        `limits` maps each allowed name to its largest size in bytes. Raise `ValueError` for a
        file of another form.
        """
        with regular(path).open("rb") as file:
            try:
                with zipfile.ZipFile(file) as archive:
                    sizes = _sizes(archive.infolist(), limits)
                    wanted = [name for name in sizes if names is None or name in names]
                    contents = {name: archive.read(name) for name in wanted}
            except (*DAMAGE, OSError) as error:
                # A damaged directory makes `zipfile` seek to a place before the file.
                if isinstance(error, OSError) and error.errno != errno.EINVAL:
                    raise
                raise ValueError(f"it is no zip file, or is damaged: {error}") from error
        return cls(path, sizes, contents)

    def has(self, name: str) -> bool:
        """Return whether there is a member of this name."""
        return name in self.sizes

    def read(self, name: str) -> bytes:
        """Return the content of a member that was read; any other name is an `OSError`."""
        if name not in self.contents:
            raise FileNotFoundError(errno.ENOENT, "there is no such member", str(self.path / name))
        return self.contents[name]


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """Return a zip file of files, in the given order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zip_entry(name), content)
    return buffer.getvalue()


def zip_pieces(files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """Yield, in pieces, a zip file of names and contents, in the given order."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            archive.writestr(zip_entry(name), content)
            yield pipe.take()
    yield pipe.take()


def zip_entry(name: str) -> zipfile.ZipInfo:
    """Return the entry of a file that everyone can read; `zipfile` lets only its owner."""
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3  # Unix, on every system
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    return entry


def _sizes(members: Collection[zipfile.ZipInfo], limits: Mapping[str, int]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for member in members:
        name, size = member.filename, member.file_size
        if name not in limits or member.orig_filename != name:
            raise ValueError(f"expected only {', '.join(limits)} in it, found {name[:60]!r}")
        if name in sizes:
            raise ValueError(f"{name} is in it twice")
        if member.compress_type != zipfile.ZIP_STORED or member.compress_size != size:
            raise ValueError(f"{name} is compressed")
        if size > limits[name]:
            raise ValueError(f"{name} is too large: {size:,} bytes, at most {limits[name]:,}")
        sizes[name] = size
    return sizes


class _Pipe(io.RawIOBase):
    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: object) -> int:
        content = bytes(piece)  # type: ignore[call-overload]
        self._pieces.append(content)
        return len(content)

    def take(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
