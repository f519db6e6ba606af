"""Zip files of one strict form: a few known names, nothing compressed, and no further bytes.

Any zip program opens them. Only this form is read, so that a file from elsewhere cannot grow when
it is unpacked, hide anything, or name a path outside. `zipfile` reads the directory. It tolerates
gaps, comments and other differences, so the bytes are compared as well.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import struct
import zipfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from metaadapter.data.regular_files import regular

# APPNOTE.TXT of PKWARE, 4.3.7, 4.3.12 and 4.3.16: the header of a member, its directory entry
# without the name, and the end of the file.
HEADER, HEADER_MARK = struct.Struct("<4sHHH4sLLLHH"), b"PK\x03\x04"
ENTRY_BYTES, LONGEST_ENTRY = 46, 1024
END, END_MARK = struct.Struct("<4sHHHHLLH"), b"PK\x05\x06"
# The earliest time that a zip file can hold: a fixed time gives equal bytes for equal content.
NO_TIME = (1980, 1, 1, 0, 0, 0)


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
        """Check the form of a file, then read the members `names`, by default all members.

        `limits` maps each allowed name to its largest size in bytes. Raise `ValueError` for a
        file of another form.
        """
        with regular(path).open("rb") as file:
            _require_end(file, len(limits))
            try:
                with zipfile.ZipFile(file) as archive:
                    members = archive.infolist()
                    _require_members(members, limits)
                    _require_no_other_bytes(file, members)
                    contents = {
                        member.filename: _content(archive, member)
                        for member in members
                        if names is None or member.filename in names
                    }
            except (zipfile.BadZipFile, NotImplementedError, struct.error) as error:
                raise ValueError(
                    f"it is no zip file, or its directory is damaged: {error}"
                ) from error
        return cls(path, {member.filename: member.file_size for member in members}, contents)

    def has(self, name: str) -> bool:
        """Return whether there is a member of this name."""
        return name in self.sizes

    def read(self, name: str) -> bytes:
        """Return the content of a member that was read; any other name is an `OSError`."""
        if name not in self.contents:
            raise FileNotFoundError(errno.ENOENT, "there is no such member", str(self.path / name))
        return self.contents[name]


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """Return a zip file of files, in the given order, whose bytes depend only on these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zip_entry(name), content)
    return buffer.getvalue()


def zip_entry(name: str) -> zipfile.ZipInfo:
    """Return the entry of a file that everyone can read; `zipfile` lets only its owner."""
    entry = zipfile.ZipInfo(name, NO_TIME)
    entry.create_system = 3  # Unix, on every system
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    return entry


def _require_end(file: IO[bytes], n_most: int) -> None:
    """Check the end of the file before `zipfile` reads a directory that may be enormous."""
    size = os.fstat(file.fileno()).st_size
    if size < END.size:
        raise ValueError("it is too short for a zip file")
    file.seek(size - END.size)
    content = file.read()
    if not content.startswith(END_MARK):
        raise ValueError("it is no zip file, or its end is damaged")
    *_, n_members, length, start, _ = END.unpack(content)
    if content != END.pack(END_MARK, 0, 0, n_members, n_members, length, start, 0):
        raise ValueError("the end of the zip file is not as it should be")
    if n_members > n_most:
        raise ValueError(f"expected at most {n_most} files in it, found {n_members}")
    if start + length + END.size != size or length > n_members * LONGEST_ENTRY:
        raise ValueError("the zip file is cut short, or holds more than its directory says")


def _require_members(members: Iterable[zipfile.ZipInfo], limits: Mapping[str, int]) -> None:
    names: set[str] = set()
    for member in members:
        name = member.filename
        if name not in limits or member.orig_filename != name:
            raise ValueError(f"expected only {', '.join(limits)} in it, found {name[:60]!r}")
        if name in names:
            raise ValueError(f"{name} is in it twice")
        names.add(name)
        has_more = member.flag_bits or member.extra or member.comment or member.volume
        if member.compress_type or has_more or member.compress_size != member.file_size:
            raise ValueError(f"{name} is compressed or encrypted, or has extra data")
        # The kind of file stands above the permissions; some systems write none.
        if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
            raise ValueError(f"{name} is a link, a folder or the like, not a file")
        if member.file_size > limits[name]:
            raise ValueError(
                f"{name} is too large: {member.file_size:,} bytes, at most {limits[name]:,}"
            )


def _require_no_other_bytes(file: IO[bytes], members: Iterable[zipfile.ZipInfo]) -> None:
    """Check that members and directory fill the whole file and agree with each other."""
    position = length = 0
    for member in members:
        name, size = member.filename.encode(), member.file_size
        file.seek(position)
        # The version and the time of a member may have any value.
        mark, _, flags, method, _, *facts = HEADER.unpack(file.read(HEADER.size))
        expected = (HEADER_MARK, 0, 0, member.CRC, size, size, len(name), 0)
        is_same = (mark, flags, method, *facts) == expected and file.read(len(name)) == name
        if member.header_offset != position or not is_same:
            raise ValueError(f"the bytes before {member.filename} are not what the directory says")
        position += HEADER.size + len(name) + size
        length += ENTRY_BYTES + len(name)
    if position + length + END.size != os.fstat(file.fileno()).st_size:
        raise ValueError("the zip file has gaps, or holds more than its directory says")


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        return archive.read(member)
    except (zipfile.BadZipFile, EOFError) as error:
        raise ValueError(f"its member {member.filename} is damaged: {error}") from error
