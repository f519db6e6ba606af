"""Zip files of one strict form: a few known names, nothing compressed, not a byte besides.

Any program for zip files opens them. The other way round only this form is read, so that what
somebody else made can neither grow when it is unpacked, nor hide anything, nor name a place.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

from metaadapter.data.regular_files import regular

# APPNOTE.TXT of PKWARE, 4.3.7, 4.3.12 and 4.3.16: what stands before a member, in the directory,
# and at the end. The first two agree from the flags to the length of the extra field.
LOCAL, ENTRY, END = (
    struct.Struct(form) for form in ("<4sHHH4sLLLHH", "<4sHHHH4sLLLHHHHHLL", "<4sHHHHLLH")
)
LONGEST_ENTRY = 1024
LOCAL_MARK, ENTRY_MARK, END_MARK = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
# The earliest moment that a zip file can tell: the same content is the same bytes at any time.
NO_TIME = (1980, 1, 1, 0, 0, 0)


class _Member(NamedTuple):
    """A member by its entry in the directory."""

    name: str
    size: int
    crc: int
    common: tuple[int | bytes, ...]
    """What its local header has to repeat."""
    offset: int
    """Where its local header begins."""
    length: int
    """Of its entry."""

    @property
    def start(self) -> int:
        """Where its content begins."""
        return self.offset + LOCAL.size + len(self.name)


@dataclass(frozen=True, slots=True)
class StoredZip:
    """A zip file as it was at one moment: the sizes of all members, the content of some.

    Attributes:
        path: The file.
        sizes: Name → bytes of each member.
        contents: Name → content of the members that were read.
    """

    path: Path
    sizes: Mapping[str, int]
    contents: Mapping[str, bytes]

    @classmethod
    def open(
        cls, path: Path, limits: Mapping[str, int], names: Collection[str] | None = None
    ) -> StoredZip:
        """Check the form of a file, then read members.

        Args:
            path: Of the file.
            limits: The names that members may have, and how many bytes.
            names: Those to read, where they are there; all of them by default.

        Raises:
            OSError: The file cannot be read.
            ValueError: It is no zip file of this form, or a member that was read is damaged.
        """
        with regular(path).open("rb") as file:
            members = _members(file, limits)
            contents = {
                member.name: _content(file, member)
                for member in members
                if names is None or member.name in names
            }
        return cls(path, {member.name: member.size for member in members}, contents)

    def has(self, name: str) -> bool:
        """Whether there is a member of this name."""
        return name in self.sizes

    def read(self, name: str) -> bytes:
        """The content of a member; an OSError if it is not there."""
        if name not in self.contents:
            raise FileNotFoundError(errno.ENOENT, "it is not in there", str(self.path / name))
        return self.contents[name]


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """A zip file of files, in their order, which depends on nothing but them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, NO_TIME)
            entry.create_system = 3  # Unix, wherever this runs
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def _members(file: IO[bytes], limits: Mapping[str, int]) -> list[_Member]:
    """The members by the directory at the end of the file, which fill it from its first byte on."""
    size = os.fstat(file.fileno()).st_size
    end = _unpack(END, _at(file, size - END.size, END.size), END_MARK)
    disk, first_disk, n_here, n_members, length, start, n_comment = end
    if disk or first_disk or n_here != n_members or n_comment:
        raise ValueError("the end of the zip file is not as it should be")
    if n_members > len(limits):
        raise ValueError(f"expected {len(limits)} files in it at most, found {n_members}")
    if start + length + END.size != size or length > n_members * LONGEST_ENTRY:
        raise ValueError("the zip file is cut short, or holds more than its directory says")
    directory = _at(file, start, length)
    members: list[_Member] = []
    at = position = 0
    for _ in range(n_members):
        member = _member(directory[at:], limits)
        if member.name in (each.name for each in members):
            raise ValueError(f"{member.name} is in it twice")
        _require_head(file, member, position)
        members.append(member)
        at, position = at + member.length, member.start + member.size
    if at != length or position != start:
        raise ValueError("the zip file has gaps, or holds more than its directory says")
    return members


def _member(entry: bytes, limits: Mapping[str, int]) -> _Member:
    """The member of an entry, with which the given bytes begin, if it is a plain file."""
    # Who made it and when change nothing; the flags are those of encryption and the like.
    _, _, *common, n_comment, disk, _, attributes, offset = _unpack(
        ENTRY, entry[: ENTRY.size], ENTRY_MARK
    )
    flags, method, _, crc, packed, size, n_name, n_extra = common
    name = entry[ENTRY.size : ENTRY.size + n_name].decode("ascii", "replace")
    if name not in limits:
        raise ValueError(f"expected {', '.join(limits)} in it, found {name[:60]!r}")
    if flags or method or n_extra or n_comment or disk or packed != size:
        raise ValueError(f"{name} is compressed, encrypted, or has more than its content")
    # Above the rights stands the kind of file, or nothing where a system has no such thing.
    if stat.S_IFMT(attributes >> 16) not in (0, stat.S_IFREG):
        raise ValueError(f"{name} is a link, a folder or the like, not a file")
    if size > limits[name]:
        raise ValueError(f"{name} is too large: {size:,} bytes, of {limits[name]:,} at most")
    return _Member(name, size, crc, tuple(common), offset, ENTRY.size + n_name)


def _require_head(file: IO[bytes], member: _Member, position: int) -> None:
    """Check that a member begins where the one before ends, with what its entry says."""
    head = _at(file, position, LOCAL.size + len(member.name))
    _, *common = _unpack(LOCAL, head[: LOCAL.size], LOCAL_MARK)
    is_same = tuple(common) == member.common and head[LOCAL.size :] == member.name.encode()
    if member.offset != position or not is_same:
        raise ValueError(f"what stands before {member.name} is not what the directory says")


def _content(file: IO[bytes], member: _Member) -> bytes:
    content = _at(file, member.start, member.size)
    if zlib.crc32(content) != member.crc:
        raise ValueError(f"{member.name} in it is damaged: its CRC-32 is another one")
    return content


def _at(file: IO[bytes], position: int, size: int) -> bytes:
    if position < 0:
        raise ValueError("it is too short for a zip file")
    file.seek(position)
    content = file.read(size)
    if len(content) != size:
        raise ValueError("the zip file is cut short")
    return content


def _unpack(form: struct.Struct, content: bytes, mark: bytes) -> tuple[Any, ...]:
    """The numbers behind a mark."""
    if len(content) != form.size or not content.startswith(mark):
        raise ValueError("it is no zip file, or its directory is damaged")
    return form.unpack(content)[1:]
