"""Places of pictures inside tar files."""

from __future__ import annotations

import errno
import os
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from metaadapter.files.regular_files import regular
from metaadapter.files.url import Url


class Packed(NamedTuple):
    """A picture in an uncompressed tar file; accepted wherever a picture is."""

    path: Path
    """Its name, CONTAINER/MEMBER; there is no such file."""
    container: Path
    start: int
    """The number of its first byte, from 0."""
    length: int

    def read(self) -> bytes:
        """Return the content; `OSError` if it cannot be read."""
        end = self.start + self.length
        if isinstance(self.container, Url):
            content = self.container.read_range(self.start, end)
        else:
            with regular(self.container).open("rb") as file:
                is_there = os.fstat(file.fileno()).st_size >= end
                file.seek(self.start)
                content = file.read(self.length) if is_there else b""
        if len(content) < self.length:
            raise OSError(errno.EIO, f"the tar file {self.container} ends within it")
        return content


def packed_name(container: Path, member: str) -> Path:
    """Return CONTAINER/MEMBER, which never leads out of the container."""
    parts = PurePosixPath(member.replace("\0", "")).parts
    return container.joinpath(*(part for part in parts if part not in ("/", "//", "..")))
