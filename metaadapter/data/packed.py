"""Places of pictures inside tar and Parquet files; they are accepted wherever a picture is."""

from __future__ import annotations

import errno
import os
from pathlib import Path, PurePosixPath
from typing import NamedTuple, TypeAlias

from metaadapter.data.parquet_cells import read_cell
from metaadapter.data.regular_files import regular
from metaadapter.data.url import Url


class TarMember(NamedTuple):
    """A file in an uncompressed tar file: `length` bytes from the byte `start` on."""

    path: Path
    """Its name, CONTAINER/MEMBER; there is no such file."""
    container: Path
    start: int
    length: int

    def read(self) -> bytes:
        """Return the content; `OSError` if it cannot be read."""
        if isinstance(self.container, Url):
            content = self.container.read_range(self.start, self.start + self.length)
            if len(content) < self.length:
                raise self._cut_short()
            return content
        with regular(self.container).open("rb") as file:
            if os.fstat(file.fileno()).st_size < self.start + self.length:
                raise self._cut_short()
            file.seek(self.start)
            return file.read(self.length)

    def _cut_short(self) -> OSError:
        return OSError(errno.EIO, f"the tar file {self.container} ends within it")


class ParquetCell(NamedTuple):
    """The bytes of a picture in a row, counted from 0, of a row group of a Parquet file."""

    path: Path
    """Its name, CONTAINER/NAME; there is no such file."""
    container: Path
    column: str
    """The column of bytes; the part of a nested column follows a dot."""
    row_group: int
    row: int

    def read(self) -> bytes:
        """Return the content; `OSError` if it cannot be read."""
        return read_cell(self.container, self.column, self.row_group, self.row)


Packed: TypeAlias = TarMember | ParquetCell


def packed_name(container: Path, member: str) -> Path:
    """Return CONTAINER/MEMBER, which never leads out of the container."""
    parts = PurePosixPath(member.replace("\0", "")).parts
    return container.joinpath(*(part for part in parts if part not in ("/", "//", "..")))
